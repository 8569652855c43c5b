"""Databases that were restored: events go on, and whoever saw more than they know is told so."""
