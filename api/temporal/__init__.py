"""Temporal as the API asks it: starting sagas, asking them, and telling what is wrong."""
