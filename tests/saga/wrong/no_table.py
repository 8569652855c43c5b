"""A saga without a step table."""
