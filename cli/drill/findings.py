"""Whether an incident is over: by the databases, the provider's ledger, and the audit."""

from collections.abc import Iterator
from datetime import timedelta

from cli.drill.drill import Drill, Finding
from cli.drill.incident import Incident
from cli.drill.practice_stack import COST, PRICE, QUANTITY, STOCK, PracticeStack
from cli.operate.audit import describe_named, is_clean, run_audit
from contracts.audits import AuditReport, AuditRequest
from contracts.money.formatting import format_money
from local_stack.errors import StackError

KEPT = ("confirmed",)  # statuses with which an order's money and goods are where they belong


async def examine(stack: PracticeStack, drill: Drill, incident: Incident) -> list[Finding]:
    """All findings, the most important first."""
    found = await drill.look(stack, incident)
    if drill.ends:
        found += await _examine_order(stack, drill, incident)
    troubles = stack.find_trouble(incident.order_id)
    found.append(Finding(not troubles, "; ".join(troubles) or "`saga stuck` does not list it"))
    if not all(finding.well for finding in found):  # it would wait for what is down
        return [*found, Finding(False, "the audit: not asked before the rest is well")]
    request = AuditRequest(grace=timedelta(0), repair=False)
    report = await run_audit(await stack.connect(), request)
    return [*found, *_examine_audit(report, drill, incident)]


async def _examine_order(stack: PracticeStack, drill: Drill, incident: Incident) -> list[Finding]:
    status = await stack.read_status(incident.order_id)
    shelf = await stack.read_shelf(incident.sku)
    sold = QUANTITY if status in KEPT else 0
    kept = COST if status in KEPT or drill.by_hand else 0
    return [
        Finding(status in drill.ends, f"the order database: {incident.order_id} is {status}"),
        _examine_money(stack, incident, kept),
        Finding(
            shelf == (STOCK - sold, 0, sold),
            f"the inventory database: {shelf.reserved} pieces reserved, {shelf.sold} sold",
        ),
    ]


def _examine_money(stack: PracticeStack, incident: Incident, kept: int) -> Finding:
    try:
        moved = stack.read_ledger(incident.order_id)
    except StackError as error:
        return Finding(False, str(error))
    captured, refunded = (format_money(minor, PRICE["currency"]) for minor in moved)
    text = f"the provider's ledger: {captured} captured, {refunded} refunded"
    return Finding(moved.captured - moved.refunded == kept, text)


def _tell_left(number: int) -> str:
    return f"{number or 'nothing'} {'is' if number <= 1 else 'are'} left"


def _examine_audit(report: AuditReport, drill: Drill, incident: Incident) -> Iterator[Finding]:
    words = {True: "it adds up", False: "it does not add up", None: "other orders are open"}
    books = words[report.books.balanced]
    yield Finding(is_clean(report), f"the audit: {_tell_left(report.left)}; {books}")
    lines = [
        describe_named(money) for money in report.books.named if money.order_id == incident.order_id
    ]
    if drill.by_hand and not lines:
        yield Finding(False, "settled by hand: nothing, so the money is nobody's")
    yield from (Finding(True, f"settled by hand: {line}") for line in lines)
