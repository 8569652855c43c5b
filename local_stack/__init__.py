"""The local stack: everything an order needs, as child processes of one supervisor.

Read it in this order: `options` (what is asked for), `child` (what a process is), `plan` (which
ones make a stack), `runner` (one child's life), `supervisor` (all of them), `up` (from the lock to
the last exit). `state` is what the others may know of a running stack.
"""
