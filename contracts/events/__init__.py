"""Events: as they are stored, and as they are published."""
