"""The local stack, proved on real processes and a real PostgreSQL."""
