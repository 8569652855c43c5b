"""Temporal as every process finds it, and how payloads are converted and encrypted."""
