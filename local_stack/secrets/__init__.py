"""Passwords and keys of the local stack, made once and kept for us alone."""
