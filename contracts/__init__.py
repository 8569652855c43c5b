"""The published language: messages, Protocols, errors and names that every part shares.

No I/O and no driver lives here, so workflow code may import all of it.
"""
