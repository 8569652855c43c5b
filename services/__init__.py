"""The four services. They share technical parts, never data, and do not know each other."""
