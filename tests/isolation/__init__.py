"""Many sagas at once on a running stack, and what their history of reads and writes shows."""
