"""Webhooks: what is sent where, when it is sent again, and where it is never sent."""
