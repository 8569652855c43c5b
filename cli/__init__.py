"""The `saga` command: a shell's view of the order saga, and the local stack behind it."""
