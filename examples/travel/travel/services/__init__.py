"""The services that take part: each does a step once, and never after it was undone."""
