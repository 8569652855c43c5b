"""What the API refuses while it has too much to do."""
