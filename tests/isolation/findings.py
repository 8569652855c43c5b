"""What a history shows that no serial order of its sagas would, and whether a pair allows it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from invariants.pairs.registry import PAIRS
from saga.verify.concurrent.anomalies import Anomaly
from saga.verify.concurrent.pair import Pair
from tests.isolation.graph import find_circles
from tests.isolation.history import History
from workflows import isolation

# What an item is in the words of the pairs, by its first word.
SHARED = {
    "stock": isolation.STOCK,
    "price": isolation.PRICE,
    "customer": isolation.CUSTOMER,
    "order": isolation.ORDER,
}


@dataclass(frozen=True)
class Finding:
    """Something is wrong, or may be. `kinds`: what those do who are in it; `items`: what they meet
    on; `story`: how it came.

    Without an anomaly's name, it is a rule of the shop that is broken.
    """

    anomaly: Anomaly | None
    parties: tuple[str, ...]
    kinds: tuple[str, ...]
    items: tuple[str, ...]
    story: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        who = ", ".join(
            f"{party} ({kind})" for party, kind in zip(self.parties, self.kinds, strict=True)
        )
        return "\n  ".join([f"{self.anomaly or 'a broken rule'}: {who}", *self.story])


def is_allowed(finding: Finding, pairs: Sequence[Pair] = PAIRS) -> bool:
    """Whether a pair of each two in it allows this anomaly, on each item, and says why."""
    met = [
        (sorted(kinds), SHARED.get(item.split()[0], item))
        for kinds in combinations(finding.kinds, 2)
        for item in finding.items
    ]
    return bool(met) and all(
        any(
            finding.anomaly in pair.allows and sorted(pair.kinds) == kinds and on in pair.shares
            for pair in pairs
        )
        for kinds, on in met
    )


def find_anomalies(history: History) -> list[Finding]:
    """All that the reads and writes show by themselves; those with the fewest parties first."""
    circles = [
        Finding(
            circle.anomaly,
            circle.parties,
            _kinds(history, circle.parties),
            circle.items,
            tuple(circle.tell()),
        )
        for circle in find_circles(history)
    ]
    return [*find_dirty_reads(history), *circles]


def find_dirty_reads(history: History) -> list[Finding]:
    """Reads of what its writer had not left for good: it marked it so, or wrote it again."""
    found = []
    for read in history.reads:
        writer = next(history.list_writers(read), None)
        if writer is None or writer.adds or writer.party == read.party:
            continue
        later = history.versions[read.item][read.version :]
        again = [f"written again by {each.call}" for each in later if each.party == writer.party]
        if writer.marks or again:
            parties = (read.party, writer.party)
            said = (
                f"{read.item}: {read.call} of {read.party} read what {writer.call} of"
                f" {writer.party} wrote, which was {(again or ['marked as not done'])[0]}"
            )
            kinds = _kinds(history, parties)
            found.append(Finding(Anomaly.DIRTY_READ, parties, kinds, (read.item,), (said,)))
    return found


def find_orphaned_locks(history: History, at_work: Collection[str]) -> list[Finding]:
    """Items whose last version says that a party is at work, which is not any more."""
    found = []
    for item, versions in history.versions.items():
        last = versions[-1]
        if last.marks and last.party not in at_work:
            said = f"{item}: the mark that {last.call} of {last.party} left is held for good"
            kinds = _kinds(history, [last.party])
            found.append(Finding(Anomaly.ORPHANED_LOCK, (last.party,), kinds, (item,), (said,)))
    return found


def _kinds(history: History, parties: Sequence[str]) -> tuple[str, ...]:
    return tuple(history.parties[party].kind for party in parties)
