"""What the golden histories say that each ending of each saga costs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory

from cli.cost.actions import Cost, measure_cost
from cli.operate import archive

# One or two stories of each ending, by the names that `saga record` gives them.
STORIES = {
    "PlaceOrder": (
        "confirmed",
        "confirmed-after-a-lost-reply",
        "rejected-account-closed",
        "rejected-declined",
        "rejected-at-the-pivot",
        "cancelled-by-customer-after-charge",
        "timed-out-no-stock-service",
        "blocked-commit-resolved-by-retry",
    ),
    "ReturnOrder": ("returned", "refund-refused", "cancelled-by-customer", "timed-out"),
}


@dataclass(frozen=True)
class StoryCost:
    """Of one story on one way of running it; `ending` is the status that it ends with."""

    saga: str
    story: str
    ending: str
    fast_path: bool
    stretch: bool
    cost: Cost

    @property
    def way(self) -> str:
        """How it ran, in words."""
        path = "fast path" if self.fast_path else "queues"
        return f"{path}, {'stretch' if self.stretch else 'step by step'}"


def read_costs(folder: Path) -> list[StoryCost]:
    """Of the stories above, those that are recorded in this folder, with services in process."""
    (path,) = archive.below(folder)
    manifest = {said["name"]: said for said in archive.manifest(folder)}
    recorded = {
        line.name: line.history for line in archive.read(path) if line.name in _name_files()
    }
    return [
        StoryCost(saga, story, said["ending"], fast, stretch, _measure(recorded[name]))
        for name, (saga, story, fast, stretch) in _name_files().items()
        if (said := manifest.get(name)) is not None
    ]


def to_json(costs: Sequence[StoryCost]) -> list[dict[str, Any]]:
    """For programs, and for the file that is kept."""
    return [
        {**{key: value for key, value in asdict(row).items() if key != "cost"}, **asdict(row.cost)}
        for row in costs
    ]


def list_differences(
    kept: Sequence[dict[str, Any]], now: Sequence[dict[str, Any]]
) -> tuple[list[str], list[str]]:
    """What is dearer than what was kept, and what else differs; a line each."""
    before, after = ({_key(row): row for row in rows} for rows in (kept, now))
    dearer: list[str] = []
    other = [f"{_name(key)} is not kept" for key in after.keys() - before.keys()]
    other += [f"{_name(key)} is not recorded" for key in before.keys() - after.keys()]
    for key in before.keys() & after.keys():
        for what in ("actions", "events", "size"):
            was, is_now = before[key][what], after[key][what]
            if was != is_now:
                line = f"{_name(key)}: {was} {what} are {is_now}"
                (dearer if is_now > was else other).append(line)
    return sorted(dearer), sorted(other)


def _name_files() -> dict[str, tuple[str, str, bool, bool]]:
    """What each is called in the archive, and its saga, story, fast path and stretch."""
    return {
        f"{saga}-{story}-{'fast' if fast else 'queues'}{'-stretch' if stretch else ''}": (
            *(saga, story),
            *(fast, stretch),
        )
        for saga, stories in STORIES.items()
        for story in stories
        for fast in (True, False)
        for stretch in (False, True)
    }


def _measure(history: dict[str, Any]) -> Cost:
    return measure_cost(WorkflowHistory.from_json("recorded", history).events)


def _key(row: dict[str, Any]) -> tuple[str, ...]:
    path = "fast path" if row["fast_path"] else "queues"
    return row["saga"], row["story"], path, "stretch" if row["stretch"] else "step by step"


def _name(key: tuple[str, ...]) -> str:
    return f"{key[0]} {key[1]} ({', '.join(key[2:])})"
