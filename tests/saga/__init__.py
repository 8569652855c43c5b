"""The kernel by itself, on the time-skipping server."""
