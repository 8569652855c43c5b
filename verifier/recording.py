"""What a plan is made of: the calls that were recorded, what has a saga undone, single faults."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from verifier.faults import Fault, Schedule, Site
from verifier.kinds import Kind

REJECTED, TIMED_OUT, CANCELLED = (frozenset({it}) for it in ("rejected", "timed_out", "cancelled"))

# What makes the saga undo all its steps, and the status that it then has.
Triggers = Sequence[tuple[Fault, frozenset[str]]]


@dataclass(frozen=True)
class Recording:
    """What was called, in order: by a run that completed; by one that was undone at its pivot;

    and for the record, when the last step of all was blocked for a while.
    """

    forward: Sequence[Site]
    undoing: Sequence[Site]
    notes: Sequence[Site]


def at(site: Site, kinds: Sequence[Kind], expects: frozenset[str]) -> Iterator[Schedule]:
    """Each kind of fault at a site, alone."""
    for kind in kinds:
        yield Schedule((Fault(site, kind),), expects=expects)
