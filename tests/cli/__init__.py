"""The commands that people type, against a whole stack."""
