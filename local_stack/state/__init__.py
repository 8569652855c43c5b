"""The stack's folder: its lock, its files, and what is known of the stack that runs."""
