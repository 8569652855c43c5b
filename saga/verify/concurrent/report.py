"""What pairs came to, for people and for programs."""

from collections import Counter
from typing import Any

from saga.verify.concurrent.anomalies import Anomaly
from saga.verify.concurrent.campaign import PairReport, Verdict
from saga.verify.faults import ExecutionPath


def summarize(report: PairReport) -> dict[str, Any]:
    """For programs. `possible`: how many orders there are of the calls of both."""
    return {
        "pair": report.pair.name,
        "interleavings": report.interleavings,
        "faulty": report.faulty,
        "possible": report.possible,
        "paths": dict(report.paths),
        "seed": report.seed,
        "seconds": round(report.seconds, 1),
        "passed_over": sum(verdict.result.passed for verdict in report.verdicts),
        "allowed": dict(count_allowed(report)),
        "failures": [
            {
                "anomaly": failure.anomaly,
                "fault": failure.result.fault,
                "word": failure.result.followed,
                "path": failure.result.path,
                "violations": failure.result.violations,
                "said": [*failure.said],
                "steps": [f"{side} {what}" for side, what in failure.result.steps],
            }
            for failure in report.failures
        ],
    }


def count_allowed(report: PairReport) -> Counter[Anomaly]:
    """How often an anomaly was seen that the pair allows."""
    return Counter(
        verdict.anomaly
        for verdict in report.verdicts
        if verdict.anomaly is not None and verdict.is_allowed
    )


def tell(report: PairReport, command: str) -> str:
    """A line that counts, and the failure with the fewest changes of side; `command` repeats."""
    lines = [story_of(report, failure, command) for failure in report.failures[:1]]
    allowed = "".join(
        f"; a {anomaly} in {number}, which may be: {report.pair.allows[anomaly].why}"
        for anomaly, number in count_allowed(report).items()
    )
    counted = f"{report.pair.name}: {report.interleavings} interleavings"
    counted += f", {report.faulty} of them with a fault" if report.faulty else ""
    failed = f"{len(report.failures)} failures, seed {report.seed}, {report.seconds:.0f} s"
    return "\n".join([*lines, f"{counted}, {failed}{allowed}"])


def story_of(report: PairReport, failure: Verdict, command: str) -> str:
    """A failure as a person can follow it: its name, what is wrong, call by call, how again."""
    result, partners = failure.result, report.pair.sides
    sides = zip(report.pair.letters, partners, strict=True)
    who = ", ".join(f"{side} is {partner.name}" for side, partner in sides)
    struck = [f"  {result.fault}"] if result.fault else []
    cut = [f"  shortened from {failure.cut_from}"] if failure.cut_from else []
    wrong = [f"  violated: {violation}" for violation in result.violations]
    said = [f"  {line}" for line in failure.said]
    steps = [
        f"  {number:3}. {side} {what}" for number, (side, what) in enumerate(result.steps, start=1)
    ]
    name = failure.anomaly or "an invariant is violated"
    fault = f" --fault '{result.fault}'" if result.fault else ""
    if result.path is not ExecutionPath.REGULAR:
        fault += f" --path {result.path}"
    again = f"  again: {command} --only '{report.pair.name}'{fault} --word {result.followed}"
    head = ["", f"FAILED {report.pair.name}: {name}", f"  {who}; {result.followed}"]
    return "\n".join([*head, *struck, *cut, *wrong, *said, *steps, again])
