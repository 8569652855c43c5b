"""The one task queue of the example."""

QUEUE = "travel"
