"""Sagas in trouble: those of which Temporal tells, and those of which an audit found it."""
