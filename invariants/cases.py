"""A saga of an order that is verified, and how it ended."""

from collections.abc import Set
from dataclasses import dataclass

from contracts.orders import CreateOrder
from saga.verify.cases import Case, Ending


@dataclass(frozen=True, kw_only=True)
class OrderCase(Case):
    """Likewise, with its order."""

    order: CreateOrder


@dataclass(frozen=True, kw_only=True)
class OrderEnding(Ending):
    """Likewise. `by_hand`: how many refunds people made at the provider.

    `set_back`: the services whose database was set back.
    """

    by_hand: int = 0
    set_back: Set[str] = frozenset()
