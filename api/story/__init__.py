"""The story of one order: what stands, what is not known, what happens next, computed once."""
