"""A run's results as data, for a terminal and as a page."""
