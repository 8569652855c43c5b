"""How a saga waits for others: for their answers, and for outcomes that are theirs to decide."""
