"""A payment provider that stands in for Stripe on one machine. A program of its own: it imports
nothing of ours, and we reach it only over HTTP.
"""
