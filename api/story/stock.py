"""What of the stock is held for an order."""

from api.story.facts import INVENTORY, OrderFacts
from contracts.base import Message


class StockStory(Message):
    """Pieces that its sagas have reserved and neither sold nor released; None if not known."""

    pieces: int | None
    says: str


def tell_stock(facts: OrderFacts) -> StockStory:
    """How many."""
    if INVENTORY in facts.silent:
        says = "what is reserved is not known: the inventory service does not answer."
        return StockStory(pieces=None, says=says)
    pieces = sum(holding.pieces for holding in facts.holdings)
    return StockStory(pieces=pieces, says=f"{pieces} pieces are reserved for it.")
