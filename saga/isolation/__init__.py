"""What keeps sagas apart that meet, said as data with each saga: its countermeasures."""

from saga.isolation.countermeasures import (
    ByValue,
    CommutativeUpdate,
    Countermeasure,
    HeedsLock,
    Reread,
    SemanticLock,
    check_countermeasures,
)

__all__ = [
    "ByValue",
    "CommutativeUpdate",
    "Countermeasure",
    "HeedsLock",
    "Reread",
    "SemanticLock",
    "check_countermeasures",
]
