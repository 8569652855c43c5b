"""Proves a saga by breaking it: every fault at every point of its run, and its invariants after.

It runs the project's own workers and services on real PostgreSQL, the sandbox provider and a
Temporal server that skips time. What a saga promises is its `Subject`'s to say.
"""
