"""One trace of one order, from the gateway to the last statement: each span once, parents right."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from shutil import which
from typing import NamedTuple
from uuid import uuid4

import httpx2
import pytest
import pytest_asyncio

from contracts.names import workflow_id
from infrastructure.telemetry.span_files import KeptSpan, read
from local_stack.state_dir import StateDir
from saga.stretch.messages import STRETCH
from tests.docs.markdown import TRACING, shell_blocks
from tests.docs.test_commands import pasted, run, script, shown_wrong
from tests.support.stack import Stack, until_healed
from tests.support.waiting import until

FORWARD = (
    *("order.create", "user.validate", "inventory.reserve", "payment.charge"),
    *("order.confirm", "inventory.commit"),
)
# The card is declined, so the charge is tried, and all before it is undone.
UP_TO_THE_CHARGE = FORWARD[:4]
UNDOING = ("order.fence_confirm", "payment.refund", "inventory.release", "order.close")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"


class Traced(NamedTuple):
    """The spans of one trace."""

    spans: list[KeptSpan]

    def one(self, name: str, service: str = "") -> KeptSpan:
        """The only span of this name."""
        (found,) = [span for span in self.spans if span.name == name and service in span.service]
        return found

    def named(self, prefix: str) -> list[str]:
        """What follows the prefix in the names that have it, by the time they began."""
        ordered = sorted(self.spans, key=lambda it: it.start)
        return [item.name.removeprefix(prefix) for item in ordered if item.name.startswith(prefix)]

    def chain(self, span: KeptSpan) -> list[str]:
        """Names from a span up to the first one."""
        by_id = {part.span_id: part for part in self.spans}
        names = [span.name]
        while (parent := by_id.get(span.parent_id or "")) is not None:
            span = parent
            names.append(span.name)
        return names


@pytest_asyncio.fixture(scope="module")
async def http(stack: Stack) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the gateway."""
    async with httpx2.AsyncClient(
        base_url=stack.gateway, timeout=40, headers=stack.bearer()
    ) as client:
        yield client


async def placed(http: httpx2.AsyncClient, method: str, **headers: str) -> tuple[str, str]:
    """An order by the gateway: its id and how it ended."""
    sku = f"SKU-{uuid4().hex[:8]}"
    price = {"minor": 100, "currency": "EUR"}
    new = {"sku": sku, "name": "Thing", "price": price, "stock": 9}
    (await http.post("/v1/products", json=new)).raise_for_status()
    person = {"name": "Ada", "email": "ada@example.com"}
    user = (await http.post("/v1/users", json=person)).json()["id"]
    items = [{"sku": sku, "quantity": 1}]
    body = {"customer_id": user, "items": items, "payment_method": method}
    told = {"Idempotency-Key": f"trace-{sku}", "Prefer": "wait=30", **headers}
    answer = await http.post("/v1/orders", json=body, headers=told)
    return answer.json()["id"], answer.json()["status"]


async def traced(stack: Stack, order: str) -> Traced:
    """The order's one trace, as `saga trace` has it, once its workflow and request are in it."""
    found: list[list[KeptSpan]] = []

    async def whole() -> bool:
        done = stack.saga("trace", order, "--json")
        traces = json.loads(done.stdout) if done.returncode == 0 else []
        found[:] = [[KeptSpan.model_validate(span) for span in spans] for spans in traces]
        names = {(span.service, span.name) for spans in found for span in spans}
        ends = {("gateway", "POST /v1/orders"), ("api", "POST /v1/orders")}
        return ends <= names and any(name == "RunWorkflow:PlaceOrder" for _, name in names)

    await until(whole, within=30)
    (spans,) = found
    return Traced(spans)


async def clean(stack: Stack, http: httpx2.AsyncClient, method: str) -> tuple[str, Traced]:
    """How an order ended, and its trace: of one of which no step was too slow for the fast path."""
    found: list[tuple[str, Traced]] = []

    async def in_time() -> bool:
        order, status = await placed(http, method)
        trace = await traced(stack, order)
        found[:] = [(status, trace)]
        return max(Counter(trace.named("RunActivity:")).values()) == 1

    await until(in_time)
    return found[0]


def check(trace: Traced, together: tuple[str, ...], alone: tuple[str, ...] = ()) -> None:
    """What holds of any order's trace: the first steps are in a stretch, the others are not."""
    assert max(Counter(span.span_id for span in trace.spans).values()) == 1
    ids = {span.span_id for span in trace.spans}
    outside = [span.name for span in trace.spans if span.parent_id not in ids]
    assert outside == ["POST /v1/orders"], "only the gateway's span has no parent here"
    start = trace.one("StartWorkflow:PlaceOrder")
    assert trace.chain(start)[1:] == ["POST /v1/orders", "POST /v1/orders"]
    assert start.service == "api"
    run = trace.one("RunWorkflow:PlaceOrder")
    assert run.parent_id == start.span_id
    assert trace.named("RunActivity:") == [STRETCH, *together, *alone]
    assert trace.named("StartActivity:") == [STRETCH, *alone]
    for name in (STRETCH, *alone):
        asked, ran = trace.one(f"StartActivity:{name}"), trace.one(f"RunActivity:{name}")
        assert ran.parent_id == asked.span_id
        assert asked.parent_id == run.span_id
        assert ran.end <= run.end
    stretch = trace.one(f"RunActivity:{STRETCH}")
    for name in together:
        ran = trace.one(f"RunActivity:{name}")
        assert ran.parent_id == stretch.span_id
        assert stretch.start <= ran.start <= ran.end <= stretch.end


async def test_a_confirmed_order_is_one_trace(stack: Stack, http: httpx2.AsyncClient) -> None:
    status, trace = await clean(stack, http, "pm_card_visa")
    assert status == "confirmed"
    check(trace, FORWARD)
    assert [(span.name, span.error) for span in trace.spans if span.failed] == []
    charge = trace.one("RunActivity:payment.charge")
    asked = [
        span for span in trace.spans if span.parent_id == charge.span_id and span.name == "POST"
    ]
    assert len(asked) == 2, "an intent is made, and confirmed"
    assert all("/v1/payment_intents" in str(question.attributes) for question in asked)
    (stored,) = [span for span in trace.spans if "INSERT payments" in span.name]
    assert trace.chain(stored)[1] == "RunActivity:payment.charge"
    moved = [trace.chain(span)[1] for span in trace.spans if "UPDATE products" in span.name]
    assert sorted(moved) == ["RunActivity:inventory.commit", "RunActivity:inventory.reserve"]


async def test_a_compensated_order_is_one_trace_too(stack: Stack, http: httpx2.AsyncClient) -> None:
    status, trace = await clean(stack, http, "pm_card_visa_chargeDeclined")
    assert status == "rejected"
    check(trace, UP_TO_THE_CHARGE, UNDOING)
    declined = [span for span in trace.spans if span.name == "POST" and span.failed]
    assert [trace.chain(item)[1] for item in declined] == ["RunActivity:payment.charge"]


async def test_a_callers_trace_goes_on(stack: Stack, http: httpx2.AsyncClient) -> None:
    order, _ = await placed(http, "pm_card_visa", traceparent=f"00-{TRACE}-{CALLER}-01")
    trace = await traced(stack, order)
    assert {span.trace_id for span in trace.spans} == {TRACE}
    (first,) = [span for span in trace.spans if span.parent_id == CALLER]
    assert first.service == "gateway"


async def test_every_answer_has_the_trace_of_its_request(
    stack: Stack, http: httpx2.AsyncClient
) -> None:
    sent = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
    order, _ = await placed(http, "pm_card_visa")
    stream = sent | {"Accept": "text/event-stream", "Last-Event-ID": "0"}
    async with httpx2.AsyncClient(base_url=stack.api, headers=stack.bearer()) as api:
        answers = [await api.get("/v1/orders", headers=sent)]
        answers += [await api.get("/nowhere", headers=sent)]
        answers += [await api.get("/v1/orders/ord_nope", headers=sent)]
        answers += [await api.post("/v1/orders", content=b"{", headers=sent)]
        answers += [await api.get("/v1/orders", headers=sent | {"Authorization": "no"})]
        async with api.stream("GET", f"/v1/orders/{order}/events", headers=stream) as live:
            answers.append(live)
    assert [answer.status_code for answer in answers] == [200, 404, 404, 415, 401, 200]
    traces = {answer.headers["traceparent"].split("-")[1] for answer in answers}
    assert traces == {TRACE}


async def test_what_is_not_sampled_is_not_kept(stack: Stack, http: httpx2.AsyncClient) -> None:
    order, _ = await placed(http, "pm_card_visa", traceparent=f"00-{uuid4().hex}-{CALLER}-00")
    await traced(stack, (await placed(http, "pm_card_visa"))[0])  # by now the other would be there
    done = stack.saga("trace", order)
    assert done.returncode == 1
    assert "was not sampled" in done.stderr


async def test_a_replay_makes_no_spans_again(stack: Stack, http: httpx2.AsyncClient) -> None:
    """Those who have forgotten the workflow replay it to answer a query."""
    order, _ = await placed(http, "pm_card_visa")
    before = await traced(stack, order)
    for name in ("worker-1", "worker-2", "api"):
        stack.kill(name)

    async def answered() -> bool:
        with suppress(httpx2.TransportError):
            return (await http.get(f"/v1/orders/{order}/saga")).status_code == 200
        return False

    await until_healed(stack)
    await until(answered)
    view = (await all_of(stack, "HandleQuery:saga", order))[-1]
    assert view.trace_id != before.spans[0].trace_id
    after = await traced(stack, order)
    assert {span.span_id for span in after.spans} == {span.span_id for span in before.spans}


async def all_of(stack: Stack, name: str, order: str) -> list[KeptSpan]:
    """Spans of this name and workflow, once there is one."""
    found: list[KeptSpan] = []

    async def there() -> bool:
        found[:] = [
            item
            for item in read(StateDir(stack.state_dir).spans)
            if item.name == name and item.attributes.get("temporalWorkflowID") == workflow_id(order)
        ]
        return bool(found)

    await until(there)
    return found


async def test_logs_name_the_trace(stack: Stack, http: httpx2.AsyncClient) -> None:
    order, _ = await placed(http, "pm_card_visa")
    trace = await traced(stack, order)
    layout = StateDir(stack.state_dir)
    lines = [json.loads(entry) for entry in layout.log("api").read_text().splitlines()]
    named = [entry for entry in lines if entry.get("trace_id") == trace.spans[0].trace_id]
    (line,) = [item for item in named if item["logger"] == "uvicorn.access"]
    assert line["service"] == "api"
    assert line["span_id"] == trace.one("POST /v1/orders", "api").span_id


async def test_a_person_sees_a_picture(stack: Stack, http: httpx2.AsyncClient) -> None:
    order, _ = await placed(http, "pm_card_visa")
    await traced(stack, order)
    picture = stack.saga("trace", order, "--no-sql").stdout
    assert picture.splitlines()[0].startswith("trace ")
    assert [
        line
        for line in picture.splitlines()
        if "RunActivity:payment.charge" in line and "█" in line
    ]
    assert "INSERT" not in picture


@pytest.mark.skipif(which("curl") is None, reason="the page's commands need curl")
def test_the_page_about_traces_can_be_pasted(stack: Stack) -> None:
    blocks = [block for block in shell_blocks(TRACING) if pasted(block)]
    assert shown_wrong(blocks, run(stack, script(stack, blocks))) == {}
