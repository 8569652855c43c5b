"""Who calls, what they may do, and what must not be seen."""
