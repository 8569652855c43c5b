"""The published language: its documents, and that they are kept to."""
