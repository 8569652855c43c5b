"""Payloads on Temporal, encrypted: keys stay with us, and Temporal holds cipher text."""
