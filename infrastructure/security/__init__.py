"""Tokens, keys and encryption."""
