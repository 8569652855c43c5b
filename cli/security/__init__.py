"""`saga keys`, `saga secrets` and `saga token`."""
