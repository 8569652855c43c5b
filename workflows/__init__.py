"""Sagas as Temporal workflows; one saga, one file."""
