"""`python -m textbook`: counts the schedules that break a promise, of each saga, by their fault."""

import os
import sys
from collections import Counter

from saga.verify import Report, VerifyOptions
from saga.verify.command import verify_quietly
from saga.verify.run import Result
from textbook import subjects

NAMES = ("AFTER", "BEFORE", "ENGINE")


def loses(result: Result) -> bool:
    """Whether something is stranded, or money is lost."""
    return any(
        "are taken" in violation or "are paid" in violation for violation in result.violations
    )


def count_losses(report: Report) -> Counter[str]:
    """How many schedules lose something, by the kind of fault that has them do so.

    Where what has the saga undone loses something by itself, it is that.
    """
    lost = [result.schedule for result in report.results if loses(result)]
    alone = {schedule.faults[0] for schedule in lost if schedule.trigger is None}
    kinds: Counter[str] = Counter()
    for schedule in lost:
        by_itself = schedule.trigger is not None and schedule.trigger in alone
        fault = schedule.trigger if by_itself else schedule.faults[0]
        kinds[str(fault.kind) if fault else ""] += 1
    return kinds


def table(reports: dict[str, Report]) -> str:
    """Markdown: a row for each kind of fault that breaks one of them, and the sum."""
    found = {name: count_losses(report) for name, report in reports.items()}
    kinds = sorted({kind for counted in found.values() for kind in counted})
    lines = ["| fault | noted after | noted before | on the engine |", "|---|---|---|---|"]
    for kind in kinds:
        lines.append(f"| {kind} | " + " | ".join(str(found[key][kind]) for key in NAMES) + " |")
    sums = " | ".join(f"{sum(found[key].values())} of {len(reports[key].results)}" for key in NAMES)
    return "\n".join([*lines, f"| **schedules that lose something** | {sums} |"])


if __name__ == "__main__":
    print(table({name: verify_quietly(getattr(subjects, name), VerifyOptions()) for name in NAMES}))
    sys.stdout.flush()
    os._exit(0)  # a thread of Temporal's client may turn the interpreter's ending into an abort
