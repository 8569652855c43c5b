"""Two sagas of orders that meet, or one and somebody else; `registry.PAIRS` has them all."""
