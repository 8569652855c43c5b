"""Every table that a command prints keeps ids, states, amounts and counts whole at 80 columns.

The tables are found in the source: one that is new is missed here until it is tried.
"""

import ast
import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from benchmarks.report import tables as of_bench
from benchmarks.report.goals import GoalResult
from benchmarks.report.result import Cost as CostOfBench
from benchmarks.report.result import Results, Summary
from benchmarks.soak import Slice, SoakResult
from benchmarks.stats import Latency, Spread
from cli import services, trace, verify
from cli.cost import tables as of_costs
from cli.cost.actions import Cost
from cli.cost.stories import StoryCost
from cli.demo import screen
from cli.demo.balance import Shelf
from cli.demo.scenarios import in_flight, tell_worker_killed
from cli.drill import app as drill
from cli.drill.drills import DRILLS
from cli.events import app as events
from cli.events import aside
from cli.operate import exposure, reset_preview, user
from cli.orders import order, product
from cli.output import FittingTable
from infrastructure.messaging.bus import Lag
from infrastructure.messaging.inbox import DeadLetter
from infrastructure.messaging.set_aside import AsideEvent
from infrastructure.telemetry.span_files import KeptSpan
from infrastructure.telemetry.waterfall import rows
from local_stack import reporter
from local_stack.commands import status
from tests.docs.markdown import ROOT

WIDTH = 80
FOLDERS = ("cli", "local_stack", "benchmarks/report")
MAKERS = {"Table", "FittingTable"}
FORM = "cli/output.py"  # says how tables are split
ORDER_ID, USER_ID = "ord_pz3kwc5ydsjtdw3rpyvm2tbwqe", "usr_" + "5" * 32
SAGA_ID = f"return-{ORDER_ID}"
NOW = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
LONG = "the provider of payments did not answer in time, and nobody knows what became of it " * 3
SKU = "ANVIL-LARGE-BLACK-2026-01"
EVENT = "com.example.order_saga.inventory.reservation_released.v1"
SERVICE = "inventory-service-instance-9"

Case = tuple[Sequence[Table], Sequence[str]]


def orders() -> Case:
    found: dict[str, Any] = {"id": ORDER_ID, "status": "timed_out", "customer_id": USER_ID}
    found |= {"total": {"minor": 123456789, "currency": "EUR"}}
    found |= {"created_at": "2026-01-31T12:30:00.250000Z"}
    whole = (ORDER_ID, "timed_out", "1,234,567.89 EUR", "2026-01-31 12:30:00")
    return [order.make_table([found], WIDTH)], whole


def steps() -> Case:
    found: dict[str, Any] = {"name": "compensate_and_give_back", "kind": "compensatable"}
    found |= {"state": "compensating", "attempts": 12345, "error": f"[{LONG}]"}
    table = order.make_table_of_steps([found])
    return [table], ("compensate_and_give_back", "compensatable", "compensating", "12345")


def products() -> Case:
    found = {"sku": SKU, "name": LONG, "available": 12345, "reserved": 678, "sold": 90123}
    found |= {"price": {"minor": 123456789, "currency": "EUR"}}
    return [product.make_table([found])], (SKU, "12345", "678", "90123", "1,234,567.89 EUR")


def accounts() -> Case:
    found = {"id": USER_ID, "active": False, "erased": True}
    found |= {"created_at": "2026-01-31T12:30:00.250000Z"}
    return [user.make_table([found])], (USER_ID, "erased", "2026-01-31 12:30:00")


def instances() -> Case:
    name = "inventory-7d9f8c6b5-x2x4q"
    found: dict[str, Any] = {"service": "inventory", "instance": name}
    found |= {"host": "2001:db8:85a3::8a2e:370:7334", "port": 65535}
    found |= {"age_seconds": 1234567, "lease_seconds": 30}
    address = f"{found['host']}:65535"
    return [services.make_table([found])], (
        "inventory-7d9f8c6b5-x2x4q",
        address,
        "1234567 s",
        "30 s",
    )


def drills() -> Case:
    named = [text for each in DRILLS for text in (each.name, each.page)]
    return [drill.make_table(DRILLS)], named


def dead_letters() -> Case:
    letter = DeadLetter(
        id=1234567,
        consumer="order_statistics",
        event_id="e",
        event={"type": EVENT, "subject": ORDER_ID},
        attempts=12,
        error=f"[{LONG}]",
        died_at=NOW,
    )
    whole = ("1234567", "order_statistics", EVENT, ORDER_ID, "12", "2026-01-31 12:30")
    return [events.make_table([letter])], whole


def aside_events() -> Case:
    event = AsideEvent(
        service="inventory",
        position=1234567,
        type=EVENT,
        subject=ORDER_ID,
        error=f"[{LONG}]",
        recorded_at=NOW,
        set_aside_at=NOW,
    )
    whole = ("inventory", "1234567", EVENT, ORDER_ID, "2026-01-31 12:30")
    return [aside.make_table([event])], whole


def lags() -> Case:
    found = Lag(subscription="webhooks-of-all-customers", waiting=1234567, seconds=86400.0)
    return [aside.make_table_of_lags([found])], ("webhooks-of-all-customers", "1234567", "86400 s")


def saga_costs() -> Case:
    found = dict.fromkeys(exposure.COSTS, 123456.0)
    found |= {"saga": "ReturnOrder", "outcome": "cancelled"}  # type: ignore[dict-item]
    return [exposure.make_table([found])], ("ReturnOrder", "cancelled", *["123456"] * 6)


def steps_again() -> Case:
    found = [
        reset_preview.Again("compensate_and_give_back", answer, new_effect=True)
        for answer in reset_preview.ANSWERS.values()
    ]
    return [reset_preview.make_table(found)], ("compensate_and_give_back", found[-1].answer)


def matrix() -> Case:
    points = [f"payment.charge_number_{number}" for number in range(40)]
    struck: Any = Counter({(point, "its task is lost"): 12345 for point in points})
    return [verify.make_table("PlaceOrder", struck)], ["12345"] * 40


def stories() -> Case:
    found = [*in_flight(), tell_worker_killed()]
    for story in found:
        story.order = {"status": story.expected, "reason": {"code": "cancelled_by_operator"}}
        story.saga = {"steps": [{"state": "done"}] * len(screen.STEPS), "state": "completed"}
    whole = [text for story in found for text in (story.title, story.status)]
    return [screen.table(found)], [*whole, "cancelled_by_operator", "● ● ● ● ● ●"]


def shelves() -> Case:
    shelf = Shelf(SKU, 1234567, 1234566, 123455, 1234564, 1234563)
    counts = ("1234567", "1234566", "123455", "1234564", "1234563")
    return [screen.make_table_of_stock([shelf])], (SKU, *counts)


def endings() -> Case:
    cost = Cost(actions=123, by_kind={}, events=1234, size=123456)
    rows = [
        StoryCost("ReturnOrder", "blocked-commit-resolved-by-retry", "confirmed", fast, way, cost)
        for fast in (True, False)
        for way in (True, False)
    ]
    whole = ("blocked-commit-resolved-by-retry", "123", "1234", "123.5")
    return list(of_costs.yield_tables(rows)), whole


def histories() -> Case:
    kinds = {"start": 1, "update": 12, "activity": 123, "marker": 1234, "search attributes": 5}
    cost = Cost(actions=12345, by_kind=kinds, events=1234, size=123456)
    table = of_costs.make_table_of_histories([(SAGA_ID, cost)])
    return [table], (SAGA_ID, "12345", "1234", "123.5")


SPREAD = Spread(median=12345.6, low=12345.5, high=12345.7, rounds=5)
LATENCY = Latency(p50=1234.0, p95=12345.0, p99=54321.0, count=5)
OF_BENCH = CostOfBench(
    history_events=12.5,
    history_bytes=123456,
    persistence=45.5,
    transactions=67.5,
    read_whole={},
)
BENCH = Results(
    machine={},
    subjects={
        "saga": Summary(
            name="saga",
            title="PlaceOrder, without the fast path, as DBOS with SQL of its own",
            at_once=24,
            rate=SPREAD,
            alone_ms=SPREAD,
            alone=LATENCY,
            half=LATENCY,
            cpu_ms=SPREAD,
            cpu_by_process=dict.fromkeys(of_bench.COLUMNS, 7654.0),
            cost=OF_BENCH,
        )
    },
    turns=[],
)
SPREAD_TEXT = "12345.6 (12345.5-12345.7)"


def counted() -> Case:
    return [of_costs.make_table_of_bench(BENCH)], ("12345.6", "67.5", "45.5")


def speeds() -> Case:
    whole = [*[SPREAD_TEXT] * 2, "24", *["12345"] * 2, *["54321"] * 2]
    return [FittingTable.of(of_bench.peers(BENCH))], whole


def costs() -> Case:
    whole = [SPREAD_TEXT, *["7654"] * len(of_bench.COLUMNS), "12.5", "123456", "45.5", "67.5"]
    return [FittingTable.of(of_bench.costs(BENCH))], whole


def soak() -> SoakResult:
    memory = {f"worker-of-queue-{number}": 12345.0 for number in range(9)}
    slot = Slice(minutes=123.4, latency=LATENCY, memory=memory)
    slopes = dict.fromkeys(memory, 1.25)
    rows = {"inventory.reservations_of_orders": 1.125}
    return SoakResult(rate=1, orders=1, slices=[slot], memory_slopes=slopes, rows=rows)


def slices() -> Case:
    whole = ["123.4", "1234", "54321", *["12345"] * 10, *["+1.25"] * 9]
    return [FittingTable.of(of_bench.slices(soak()))], whole


def growth() -> Case:
    whole = ("inventory.reservations_of_orders", "1.125")
    return [FittingTable.of(of_bench.growth(soak()))], whole


def goals() -> Case:
    low = Spread(median=1, low=1.111, high=2.222, rounds=5)
    found = GoalResult(name=LONG, goal="at least 10.5 times", value=1.5, met=None, rounds=low)
    whole = ("at least 10.5 times", "1.5", "1.11 to 2.22", "not measured")
    return [FittingTable.of(of_bench.goals([found]))], whole


def children() -> Case:
    child = {"name": SERVICE, "pid": 4194304, "state": "restarting", "restarts": 12345}
    child |= {"since": "2020-01-31T12:30:00+00:00"}
    whole = (SERVICE, "4194304", "restarting", "12345", " min")
    return [status.children_table({"children": [child]})], whole


def urls() -> Case:
    found = {"api_metrics": "http://127.0.0.1:65535/metrics"}
    return [reporter.make_table(found)], ("api metrics", *found.values())


def spans() -> Case:
    span = KeptSpan(
        trace_id="a" * 32,
        span_id="b",
        name="a name that is long " * 9,
        service=SERVICE,
        kind="client",
        start=0,
        end=123456700000,
    )
    return [trace.make_table(rows([span]), WIDTH)], (SERVICE, "123456.7", "█" * 10)


CASES: dict[str, Callable[[], Case]] = {
    "cli/cost/tables.py:make_table_of_bench": counted,
    "cli/cost/tables.py:make_table_of_histories": histories,
    "cli/cost/tables.py:yield_tables": endings,
    "cli/demo/screen.py:make_table_of_stock": shelves,
    "cli/demo/screen.py:table": stories,
    "cli/drill/app.py:make_table": drills,
    "cli/events/app.py:make_table": dead_letters,
    "cli/events/aside.py:make_table": aside_events,
    "cli/events/aside.py:make_table_of_lags": lags,
    "cli/operate/exposure.py:make_table": saga_costs,
    "cli/operate/reset_preview.py:make_table": steps_again,
    "cli/operate/user.py:make_table": accounts,
    "cli/orders/order.py:make_table": orders,
    "cli/orders/order.py:make_table_of_steps": steps,
    "cli/orders/product.py:make_table": products,
    "cli/services.py:make_table": instances,
    "cli/trace.py:make_table": spans,
    "cli/verify.py:make_table": matrix,
    "benchmarks/report/tables.py:costs": costs,
    "benchmarks/report/tables.py:goals": goals,
    "benchmarks/report/tables.py:growth": growth,
    "benchmarks/report/tables.py:peers": speeds,
    "benchmarks/report/tables.py:slices": slices,
    "local_stack/commands/status.py:children_table": children,
    "local_stack/reporter.py:make_table": urls,
}


def find_tables() -> Iterator[str]:
    """Where a table is made: file and function."""
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            if name != FORM:
                yield from (f"{name}:{function}" for function in makers_of(path))


def makers_of(path: Path) -> Iterator[str]:
    """The functions that make tables; `module` for one that is made outside of any."""
    tree = ast.parse(path.read_text())
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            made = [call for call in ast.walk(node) if makes_a_table(call)]
            inside |= {id(call) for call in made}
            if made:
                yield node.name
    if any(makes_a_table(call) and id(call) not in inside for call in ast.walk(tree)):
        yield "module"


def makes_a_table(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in MAKERS or name == "grid"


def shown(tables: Sequence[Table], width: int = WIDTH) -> str:
    console = Console(file=io.StringIO(), width=width)
    for table in tables:
        console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_every_table_is_tried() -> None:
    assert sorted(find_tables()) == sorted(CASES)


@pytest.mark.parametrize("name", CASES)
def test_what_matters_is_whole_at_80_columns(name: str) -> None:
    tables, whole = CASES[name]()
    text = shown(tables)
    assert max(map(len, text.splitlines())) <= WIDTH, text
    for cell, times in Counter(whole).items():
        assert text.count(cell) >= times, (cell, text)


def test_a_table_that_fits_is_in_one_part() -> None:
    (table,), whole = dead_letters()
    assert shown([table]).count("1234567") > 1
    wide = shown([table], 400)
    assert wide.count("1234567") == 1
    assert all(cell in wide for cell in whole)


def test_the_rows_of_all_parts_are_the_same_and_in_order() -> None:
    names = [f"column_{number:03}" for number in range(20)]
    table = FittingTable("key", *names)
    for row in ("one", "two"):
        table.add_row(row, *(f"{row}_of_{name}" for name in names))
    words = shown([table]).split()
    for row in ("one", "two"):
        assert [word for word in words if word.startswith(f"{row}_of")] == [
            f"{row}_of_{name}" for name in names
        ]
    assert [word for word in words if word in {"one", "two"}][:2] == ["one", "two"]
