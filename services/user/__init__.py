"""Accounts, and whether they may order. Personal data lives here and nowhere else."""
