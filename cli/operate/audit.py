"""`saga audit`: looks for sagas that nobody carries on, repairs them, and prints the books."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer
from rich.console import Console

from cli.operate.batch import AsJson
from cli.operate.errors import report_errors
from cli.operate.temporal import connect
from contracts.audits import AuditReport, AuditRequest, Bounds, MoneyByHand, sum_by_currency
from contracts.base import Money
from contracts.ledgers import NO_INTENT, Discrepancy, Outcome, Settled, WhyKept
from contracts.names import AUDITS, order_of
from contracts.workflow_io import type_of

if TYPE_CHECKING:
    from temporalio.client import Client

WITHIN = timedelta(minutes=30)
USUAL = Bounds()


def audit(
    which: Annotated[
        str | None, typer.Argument(help="ord_…, or a saga's id: that order alone")
    ] = None,
    *,
    grace: Annotated[
        int, typer.Option("--grace", min=0, help="Leave sagas alone that are younger: seconds")
    ] = 60,
    since: Annotated[
        float, typer.Option("--since", min=0, help="Compare captures of the last hours")
    ] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Repair nothing")] = False,
    repairs: Annotated[
        int, typer.Option("--repairs", min=0, help="Carry on so many sagas at most")
    ] = USUAL.repairs,
    refunds: Annotated[
        int, typer.Option("--refunds", min=0, help="Refund so often at most")
    ] = USUAL.refunds,
    minor: Annotated[
        int, typer.Option("--minor", min=0, help="Move so many minor units of each currency")
    ] = USUAL.minor,
    as_json: AsJson = False,
) -> None:
    """Have sagas whose workflow was ended or lost carried to their end, and print the books.

    It does so within bounds, and names what it left. Exit code 1 if anything is left, or if nothing
    is open and the books do not balance. Of an order alone, its sagas and its money are looked at,
    however old they are, and no books.
    """
    request = AuditRequest(
        only=_read_order_id(which),
        grace=timedelta(seconds=grace),
        repair=not dry_run,
        ledger=timedelta(hours=since),
        bounds=Bounds(repairs=repairs, refunds=refunds, minor=minor),
    )
    with report_errors():
        report = asyncio.run(_connect_and_run(request))
    if as_json:
        typer.echo(report.model_dump_json(indent=2))
    else:
        _print(report, request.only)
    is_right = is_clean(report) if request.only is None else report.left == 0
    raise typer.Exit(0 if is_right else 1)


def _read_order_id(which: str | None) -> str | None:
    """The order that is meant, or whose saga is. BadParameter if it is the id of neither."""
    if which is None:
        return None
    order_id = order_of(which)
    if which != order_id and type_of(which) is None:
        raise typer.BadParameter(f"{which} is neither an order's id, ord_…, nor a saga's")
    return order_id


async def _connect_and_run(request: AuditRequest) -> AuditReport:
    return await run_audit(await connect(), request)


async def run_audit(client: "Client", request: AuditRequest) -> AuditReport:
    """Have the workers make an audit, and wait for what it found."""
    report: AuditReport = await client.execute_workflow(
        "AuditOrders",
        request,
        id=f"audit-by-hand-{uuid4()}",
        task_queue=AUDITS,
        result_type=AuditReport,
        execution_timeout=WITHIN,
    )
    return report


def is_clean(report: AuditReport) -> bool:
    """Whether nothing is left, and the books balance as far as they can be told to."""
    return report.left == 0 and report.books.balanced is not False


def _print(report: AuditReport, only: str | None) -> None:
    console = Console(soft_wrap=True, highlight=False)
    if report.dry_run is not None:
        console.print(f"This was a dry run, since {report.dry_run}.")
    ends = {repair.orphan.saga_id: repair.status or "never recorded" for repair in report.repaired}
    for orphan in report.orphans:
        now = ends.get(orphan.saga_id, "left as it is")
        console.print(f"{orphan.saga_id}: its workflow was {orphan.why}; now {now}")
    carried_on = f"{len(report.repaired)} carried on"
    console.print(f"{report.found} orphans, {carried_on}")
    _print_ledger(console, report)
    for named in report.named:
        console.print(f"[yellow]left:[/] {named.saga_id or 'the audit'}: {named.what}")
    if report.stopped is not None:
        console.print(f"[red]It stopped at a bound: {report.stopped}.[/] See what is left first.")
    if report.left:
        console.print(f"{report.left} {'is' if report.left == 1 else 'are'} left")
    if only is None:
        _print_books(console, report)
    else:
        _print_one(console, report, only)


def _print_one(console: Console, report: AuditReport, order_id: str) -> None:
    """What somebody has answered for of this order, and whether all is right but for that."""
    by_hand = [money for money in report.books.named if money.order_id == order_id]
    for money in by_hand:
        console.print(f"settled by hand: {describe_named(money)}", markup=False)
    if not report.found and not report.kept and not report.left:
        agree = f"{order_id}: its sagas, its records and the provider's ledger agree"
        console.print(f"{agree}, but for that" if by_hand else agree)


def _print_books(console: Console, report: AuditReport) -> None:
    books = report.books
    if books.unread:
        console.print("The books could not be read.")
        return
    for line in describe_books(report):
        console.print(line, markup=False)
    words = {True: "It adds up.", False: "[red]It does not add up.[/]", None: "Orders are open."}
    console.print(words[books.balanced])


def describe_books(report: AuditReport) -> Iterator[str]:
    """What is on record, what of it is not at the provider, and what people have answered for."""
    books, confirmed = report.books, _sum(report.books.confirmed)
    yield f"captured {_sum(books.captured)} on record, confirmed orders cost {confirmed}"
    if gone := [found.amount for found in report.ledger if _is_gone(found)]:
        yield f"{_sum(sum_by_currency(gone))} of that is not at the provider, see above"
    if books.by_hand:
        yield f"{_sum(books.by_hand)} of what is on record was settled by hand:"
        yield from (f"  {describe_named(money)}" for money in books.named if money.recorded)
    if other := [money for money in books.named if not money.recorded]:
        more = _sum(sum_by_currency([money.amount for money in other]))
        yield f"{more} more was settled by hand:"
        yield from (f"  {describe_named(money)}" for money in other)
    yield f"open orders cost {_sum(books.open)}; {books.reserved} pieces are reserved"
    if books.reserved_by_hand:
        yield f"{books.reserved_by_hand} pieces of them were settled by hand"


def describe_named(money: MoneyByHand) -> str:
    """What somebody has answered for, and how."""
    from saga import Resolving  # noqa: PLC0415 - heavy

    who = f"as {money.who} says: {money.evidence}"
    if money.missing:
        left = "left to the customer" if money.action == Resolving.SKIP else "paid by other means"
        return f"{money.order_id}: {money.amount.format()} of its price is {left}, {who}"
    said = "kept" if money.action == Resolving.SKIP else "said to be back by other means"
    aside = "" if money.recorded else " (not on record as captured)"
    return f"{money.order_id}: {money.amount.format()}{aside} is {said}, {who}"


def _is_gone(found: Discrepancy) -> bool:
    """Whether it is on record as captured, and the provider does not have it."""
    return found.why is WhyKept.MISSING and found.intent_id != NO_INTENT


def _print_ledger(console: Console, report: AuditReport) -> None:
    settled = {settlement.discrepancy.intent_id: settlement for settlement in report.settled}
    for found in report.ledger:
        amount = found.amount.format()
        now = _describe_settlement(settled.get(found.intent_id))
        console.print(f"{found.intent_id}: {amount} of {found.order_id} is {found.why}; {now}")
    console.print(f"{report.kept} differences between the provider's ledger and orders")


def _describe_settlement(settled: Settled | None) -> str:
    """What came of a difference, if anything did."""
    if settled is None or settled.outcome in {None, Outcome.REPORTED}:
        return "left as it is"
    back = f" by {settled.refund_id}" if settled.refund_id is not None else ""
    return f"{settled.outcome}{back}"


def _sum(amounts: Sequence[Money]) -> str:
    return " + ".join(amount.format() for amount in amounts) or "nothing"
