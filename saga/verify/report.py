"""What a verification found, for people, for programs, and as a page with a matrix."""

import html
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from saga.verify.faults import ExecutionPath, InjectionPoint
from saga.verify.kinds import Kind
from saga.verify.run import Result

Struck = tuple[InjectionPoint, StrEnum]


@dataclass
class Report:
    """The results of one subject, and what combinations were asked for.

    `seconds`: how long each part took, together with that of the other subjects. Of several faults
    one may keep the saga from reaching the others; a single one must strike. `command` verifies the
    subject again.
    """

    subject: str
    pairs: int = 0
    triples: int = 0
    seed: int = 1
    results: list[Result] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    command: str = ""

    @property
    def failures(self) -> list[Result]:
        """Results with a violation, the simplest first, or with a single fault never reached."""
        failed = [
            result for result in self.results if result.violations or describe_unreached(result)
        ]
        return sorted(failed, key=lambda result: (len(result.schedule.all), len(result.diary)))

    @property
    def coverage(self) -> dict[ExecutionPath, Counter[Struck]]:
        """How often each kind of fault struck at each point, by path."""
        struck: dict[ExecutionPath, Counter[Struck]] = {path: Counter() for path in ExecutionPath}
        for result in self.results:
            hits = (row for row in result.schedule.all if row not in result.unreached)
            struck[result.schedule.path].update((hit.point, hit.kind) for hit in hits)
        return struck

    @property
    def paths(self) -> dict[str, int]:
        """How many schedules of a single fault ran on each path."""
        single = [
            result.schedule.path for result in self.results if len(result.schedule.faults) == 1
        ]
        return {path.value: single.count(path) for path in ExecutionPath}

    def summary(self) -> dict[str, Any]:
        """For programs."""
        return {
            "saga": self.subject,
            "schedules": len(self.results),
            "single_faults": sum(len(result.schedule.faults) == 1 for result in self.results),
            "paths": self.paths,
            "seconds": {part: round(seconds, 1) for part, seconds in self.seconds.items()},
            "seed": self.seed,
            "shadowed": sum(
                bool(result.unreached) for result in self.results if not describe_unreached(result)
            ),
            "failures": [
                {
                    "schedule": failure.schedule.name,
                    "violations": [*failure.violations, *describe_unreached(failure)],
                    "steps": failure.diary,
                    "reproduce": self.reproduce(failure),
                }
                for failure in self.failures
            ],
            "coverage": [
                {
                    "path": path,
                    "step": point.step,
                    "activity": point.activity,
                    "fault": kind,
                    "runs": runs,
                }
                for path, struck in self.coverage.items()
                for (point, kind), runs in sorted(struck.items())
            ],
        }

    def reproduce(self, result: Result) -> str:
        """The command line that runs this schedule again."""
        schedule = result.cut_from or result.schedule
        seeded = f" --pairs {self.pairs} --triples {self.triples} --seed {self.seed}"
        several = seeded if len(schedule.faults) > 1 else ""
        return f"{self.command or f'saga verify {self.subject}'}{several} --only '{schedule.name}'"

    def story(self, result: Result) -> str:
        """A failure as a person can follow it: what is wrong, step by step how, and how again."""
        cut = [f"  the shortest part of {result.cut_from.name}"] if result.cut_from else []
        wrong = [
            f"  violated: {violation}"
            for violation in [*result.violations, *describe_unreached(result)]
        ]
        steps = [f"  {number:3}. {entry}" for number, entry in enumerate(result.diary, start=1)]
        again = f"  again: {self.reproduce(result)}"
        return "\n".join(["", f"FAILED {result.schedule.name}", *cut, *wrong, *steps, again])


def describe_unreached(result: Result) -> list[str]:
    """Complaints of faults that should have struck and did not."""
    if len(result.schedule.faults) > 1:
        return []
    return [f"never reached: {fault}" for fault in result.unreached]


def matrix(struck: Counter[Struck]) -> tuple[list[InjectionPoint], list[StrEnum]]:
    """The points and the kinds that were struck, in order of appearance and definition."""
    points = list(dict.fromkeys(point for point, _ in struck))
    kinds = dict.fromkeys(kind for _, kind in struck)
    ours: dict[StrEnum, int] = {kind: place for place, kind in enumerate(Kind)}
    return points, sorted(kinds, key=lambda kind: ours.get(kind, len(ours)))


STYLE = """body{font:14px system-ui;margin:2em}td,th{border:1px solid #ccc;padding:3px 6px}
table{border-collapse:collapse}.good{background:#cfc}.bad{background:#f99}pre{font-size:12px}"""


def page(report: Report) -> str:
    """A self-contained page: step by fault on each path, each cell opens its runs' timelines."""
    title = f"{report.subject}: {len(report.results)} schedules, {len(report.failures)} failures"
    return (
        f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>"
        f"<h1>{title}</h1><p>seed {report.seed}</p>"
        f"{''.join(_matrix(report, path) for path in ExecutionPath)}"
    )


def _matrix(report: Report, path: ExecutionPath) -> str:
    points, kinds = matrix(report.coverage[path])
    head = "".join(f"<th>{html.escape(str(point))}</th>" for point in points)
    rows = "".join(
        f"<tr><th>{kind}</th>{''.join(_cell(report, path, point, kind) for point in points)}</tr>"
        for kind in kinds
    )
    title = f"<h2>The {path} path: {report.paths[path]} single faults</h2>"
    return f"{title}<table><tr><th></th>{head}</tr>{rows}</table>" if points else ""


def _cell(report: Report, path: ExecutionPath, point: InjectionPoint, kind: StrEnum) -> str:
    runs = [
        result
        for result in report.results
        if result.schedule.path is path
        and any((fault.point, fault.kind) == (point, kind) for fault in result.schedule.faults)
    ]
    if not runs:
        return "<td></td>"
    bad = sum(bool(run.violations or describe_unreached(run)) for run in runs)
    told = "\n\n".join("\n".join([run.schedule.name, *run.violations, *run.diary]) for run in runs)
    count = f"{bad} of {len(runs)}" if bad else str(len(runs))
    return (
        f'<td class="{"bad" if bad else "good"}"><details><summary>{count}</summary>'
        f"<pre>{html.escape(told)}</pre></details></td>"
    )


def as_json(reports: Sequence[Report]) -> str:
    """All reports, for programs."""
    return json.dumps([report.summary() for report in reports], indent=2)
