"""Money by way of a payment provider: charged at most once, and given back when undone."""
