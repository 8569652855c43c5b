"""Temporal in the local stack: its server, and the search attributes of sagas."""
