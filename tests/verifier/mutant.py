"""What a mutant is: the product without one of its mechanisms."""

from collections.abc import Callable
from typing import Any, NamedTuple

from invariants.environment import OrderWorld
from invariants.subjects.place_order import PLACE_ORDER
from saga.verify.faults import ExecutionPath
from saga.verify.subject import Subject


class Mutant(NamedTuple):
    """A missing mechanism: what replaces what, the schedules that find it, and what they say."""

    mechanism: str
    owner: Any
    name: str
    replacement: Any
    schedule: str
    says: str
    subject: Subject = PLACE_ORDER
    before: Callable[[OrderWorld], Any] | None = None
    after: Callable[[OrderWorld], Any] | None = None
    path: ExecutionPath = ExecutionPath.REGULAR
