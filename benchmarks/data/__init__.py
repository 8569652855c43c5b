"""Orders for the load, and databases that are large already."""
