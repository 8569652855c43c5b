"""`python -m saga verify package.module:SUBJECT`: verifies a saga, and tells what came of it."""

import argparse
import asyncio
import importlib
import sys
from collections.abc import Sequence
from dataclasses import replace

from saga.verify.campaign import UnsoundSaga, VerifyOptions, verify_subject
from saga.verify.concurrent.campaign import PairOptions
from saga.verify.concurrent.pair import Pair
from saga.verify.concurrent.quietly import verify_pair_quietly
from saga.verify.concurrent.report import tell
from saga.verify.environment.environment import NoServer, UnfitSubject
from saga.verify.environment.postgres import NoPostgres
from saga.verify.faults import ExecutionPath
from saga.verify.quiet import expecting_faults
from saga.verify.report import Report
from saga.verify.run import Result
from saga.verify.subject import Subject

FEW = 3  # schedules of which all is told, though none fails


class NoSubject(Exception):
    """There is no such subject; the message says what to write."""


def find_subject(name: str) -> Subject:
    """The subject that `package.module:NAME` names. NoSubject."""
    found = _find(name)
    if not isinstance(found, Subject):
        raise NoSubject(f"{name} is no saga.verify.Subject")
    return found


def _find(name: str) -> object:
    """What `package.module:NAME` names, or None. NoSubject if there is no such module."""
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise NoSubject(f"{name} names no subject: write package.module:SUBJECT")
    sys.path.insert(0, "")  # as Python has it where it is asked to run a module
    try:
        found: object = getattr(importlib.import_module(module), attribute, None)
    except ImportError as error:
        raise NoSubject(f"{module} cannot be imported: {error}") from error
    return found


def command_of(subject: Subject) -> str:
    """The command that verifies it again, by the module in which it is found."""
    its_own = getattr(subject.make, "__module__", "")
    for module_name in (its_own, *list(sys.modules)):  # not where somebody imports it first
        for name, value in list(getattr(sys.modules.get(module_name), "__dict__", {}).items()):
            if value is subject:
                return f"python -m saga verify {module_name}:{name}"
    return f"python -m saga verify package.module:{subject.name}"


def verify_quietly(subject: Subject, options: VerifyOptions) -> Report:
    """Verify it, with nothing in the log of what it suffers."""
    with expecting_faults():
        report = asyncio.run(verify_subject(subject, options))
    report.command = command_of(subject)
    return report


def story_of(report: Report) -> str:
    """What came of it, in words: a line that counts, and every failure."""
    singles = sum(len(result.schedule.faults) == 1 for result in report.results)
    several = len(report.results) - singles
    counted = f"{report.subject}: {singles} single faults, {several} combinations"
    failures = [report.story(failure) for failure in report.failures]
    if len(report.results) <= FEW and not failures:
        failures = [diary_of(result) for result in report.results]
    return "\n".join([*failures, f"{counted}, {len(report.failures)} failures, seed {report.seed}"])


def diary_of(result: Result) -> str:
    """A schedule, and how it went."""
    return "\n".join([result.schedule.name, *(f"  {line}" for line in result.diary), ""])


def main(arguments: Sequence[str]) -> int:
    """Exit code 1 if a promise does not hold, 2 if nothing could be verified."""
    parser = argparse.ArgumentParser("python -m saga verify", description=__doc__)
    parser.add_argument("subject", help="package.module:SUBJECT, or a pair: package.module:PAIR")
    parser.add_argument("--pairs", type=int, default=0, help="also this many pairs of faults")
    parser.add_argument("--triples", type=int, default=0, help="… and this many triples")
    parser.add_argument("--seed", type=int, default=1, help="chooses the pairs and triples")
    parser.add_argument("--only", default="", help="only schedules whose name contains this")
    pairs = parser.add_argument_group("of a pair of sagas, package.module:PAIR")
    pairs.add_argument("--words", type=int, default=100, help="at most so many orders of calls")
    pairs.add_argument("--faults", type=int, default=4, help="… with so many faults, by seed")
    pairs.add_argument("--faulty", type=int, default=4, help="… and so many orders for each")
    pairs.add_argument("--word", default="", help="this order alone, such as AABBAB")
    pairs.add_argument("--fault", default="", help="only with faults whose name contains this")
    pairs.add_argument("--path", choices=[*map(str, ExecutionPath)], help="on this path only")
    options = parser.parse_args(arguments)
    try:
        if isinstance(pair := _find(options.subject), Pair):
            return _verify_pair(pair, options)
        subject = find_subject(options.subject)
        report = verify_quietly(
            subject, VerifyOptions(options.pairs, options.triples, options.seed, options.only)
        )
    except (NoSubject, NoServer, NoPostgres, UnfitSubject, UnsoundSaga) as error:
        print(error, file=sys.stderr)
        return 2
    if not report.results:
        print("no schedule is left: loosen --only", file=sys.stderr)
        return 2
    print(story_of(report))
    return 1 if report.failures else 0


def _verify_pair(pair: Pair, options: argparse.Namespace) -> int:
    """Exit code 1 if an anomaly is found that the pair does not allow."""
    asked = PairOptions(options.words, options.seed, options.word)
    path = ExecutionPath(options.path) if options.path else None
    many = {"faults": options.faults, "faulty": options.faulty}
    asked = replace(asked, fault=options.fault, path=path, **many)
    report = verify_pair_quietly(pair, asked)
    if not report.verdicts:
        print("no fault is left: loosen --fault", file=sys.stderr)
        return 2
    print(tell(report, f"python -m saga verify {options.subject}"))
    return 1 if report.failures else 0
