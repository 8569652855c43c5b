"""Two sagas at once: every order of their calls, and what each comes to. See `pair.Pair`."""
