"""The HTTP surface: Stripe's routes, authentication, idempotency and error shape."""

import asyncio
import hmac
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from sandbox import clock, faults, idempotency, intents, ledger, refunds
from sandbox.errors import Fault
from sandbox.pages import authentication
from sandbox.params import Params, parse
from sandbox.responses import Answer, Page
from sandbox.server import Cut
from sandbox.store import Store

Operation = Callable[[sqlite3.Connection, Params], Answer]

CONFIRM = {"payment_method", "return_url", "error_on_requires_action", "off_session", "expand"}
CREATE = CONFIRM | {"amount", "currency", "confirm", "metadata", "allowed_payment_method_types"}
CANCEL = {"cancellation_reason"}
REFUND = {"payment_intent", "amount", "metadata", "reason"}
LIST = {"limit", "starting_after"}
LIST_INTENTS = LIST | {"created", "expand"}
LIST_REFUNDS = LIST_INTENTS | {"payment_intent"}


def create_app(key: str, database: Path) -> FastAPI:
    """The provider. The file is opened when the server starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.store = Store(database)
        yield
        app.state.store.close()

    app = FastAPI(title="Sandbox payment provider", lifespan=lifespan)
    app.state.key = key
    app.state.in_flight = idempotency.InFlight()
    app.exception_handler(Fault)(_refuse)
    app.exception_handler(HTTPException)(_no_route)
    app.include_router(router)
    app.include_router(authentication.pages)
    app.add_api_route("/health", _health)
    return app


async def _health(request: Request) -> dict[str, str]:
    _store(request).reader().execute("SELECT 1 FROM entries LIMIT 1")
    return {"status": "ok"}


async def _authenticate(request: Request) -> None:
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not sent:
        raise Fault(401, "You did not provide an API key. Send it as a Bearer token.")
    if not hmac.compare_digest(sent.encode(), request.app.state.key.encode()):
        raise Fault(401, f"Invalid API Key provided: {sent[:4]}***")


router = APIRouter(dependencies=[Depends(_authenticate)])


@router.post(intents.URL)
async def create_intent(request: Request) -> Response:
    """Make an intent."""
    return await _execute(request, CREATE, faults.meeting("create", intents.create))


@router.post(intents.URL + "/{intent_id}/confirm")
async def confirm_intent(request: Request, intent_id: str) -> Response:
    """Charge it."""

    def confirm(tx: sqlite3.Connection, params: Params) -> Answer:
        return intents.confirm(tx, intent_id, params, str(request.base_url).rstrip("/"))

    return await _execute(request, CONFIRM, faults.meeting("confirm", confirm, intent_id))


@router.post(intents.URL + "/{intent_id}/cancel")
async def cancel_intent(request: Request, intent_id: str) -> Response:
    """End it."""

    def cancel(tx: sqlite3.Connection, params: Params) -> Answer:
        return intents.cancel(tx, intent_id, params)

    return await _execute(request, CANCEL, faults.meeting("cancel", cancel, intent_id))


@router.get(intents.URL + "/{intent_id}")
async def get_intent(request: Request, intent_id: str) -> dict[str, Any]:
    """Read one."""
    params = _query(request, {"expand"})
    intent = intents.find(_store(request).reader(), intent_id)
    if intent["status"] in intents.LOOKING:
        with _store(request).transaction() as tx:
            intents.look(tx, intent_id)
            intent = intents.find(tx, intent_id)
    await asyncio.sleep(intents.answer_after(intent))
    return intents.shape(intent, params)


@router.get(intents.URL)
async def list_intents(request: Request) -> dict[str, Any]:
    """Read many; `created[gte]` and `created[lt]` bound when they were made."""
    params = _query(request, LIST_INTENTS)
    return intents.listing(_store(request).reader(), Page.of(params), params)


@router.post(refunds.URL)
async def create_refund(request: Request) -> Response:
    """Give money back."""
    return await _execute(request, REFUND, faults.meeting("refund", refunds.create))


@router.get(refunds.URL + "/{refund_id}")
async def get_refund(request: Request, refund_id: str) -> dict[str, Any]:
    """Read one."""
    return refunds.find(_read_refunds(request), refund_id)


@router.get(refunds.URL)
async def list_refunds(request: Request) -> dict[str, Any]:
    """Read many; of one `payment_intent`, or made from `created[gte]` to `created[lt]`."""
    params = _query(request, LIST_REFUNDS)
    return refunds.listing(_read_refunds(request), Page.of(params), params)


@router.post("/payment_intents/{intent_id}/settle")
async def settle_intent(request: Request, intent_id: str) -> dict[str, Any]:
    """Have an intent that is being processed be charged or declined now; not Stripe's."""
    with _store(request).transaction() as tx:
        return intents.settle(tx, intent_id)


@router.post("/payment_intents/{intent_id}/authenticate")
async def authenticate_intent(request: Request, intent_id: str) -> dict[str, Any]:
    """Have its customer authenticate, or fail to, without the page; not Stripe's."""
    params = Params(parse(await request.body()), allowed={"outcome"})
    with _store(request).transaction() as tx:
        return intents.authenticate(tx, intent_id, params.require("outcome"))


@router.post("/clock")
async def advance_clock(request: Request) -> Response:
    """Have time go by, see `sandbox.clock`; not Stripe's."""
    return await _execute(request, clock.PARAMETERS, clock.advance)


@router.post("/refunds/{refund_id}/fail")
async def fail_refund(request: Request, refund_id: str) -> dict[str, Any]:
    """Have a refund that is pending, or succeeded, fail after all; not Stripe's."""
    with _store(request).transaction() as tx:
        return refunds.fail(tx, refund_id)


@router.post("/faults")
async def order_fault(request: Request) -> Response:
    """Have the next requests meet a fault, see `sandbox.faults`; not Stripe's."""
    return await _execute(request, faults.PARAMETERS, faults.order)


@router.delete("/faults")
async def forget_faults(request: Request) -> dict[str, bool]:
    """Forget what was ordered for one `order`; not Stripe's."""
    with _store(request).transaction() as tx:
        faults.forget(tx, _query(request, {"order"}))
    return {"deleted": True}


@router.get("/ledger")
async def get_ledger(request: Request) -> dict[str, Any]:
    """Where the money is; not Stripe's. `order` asks for one order, by its metadata."""
    return ledger.statement(_store(request).reader(), _query(request, {"order"}).text("order"))


async def _execute(request: Request, allowed: set[str], operation: Operation) -> Response:
    """Run a POST once per idempotency key, and deliver its answer as the method behaves."""
    form = parse(await request.body())
    params = Params(form, allowed=allowed)
    key = request.headers.get("Idempotency-Key")
    fingerprint = idempotency.fingerprint(request.method, request.url.path, form)
    with request.app.state.in_flight.hold(key):
        with _store(request).transaction() as tx:
            if key and (stored := idempotency.recall(tx, key, fingerprint)):
                headers = {"Idempotent-Replayed": "true"}
                return JSONResponse(stored.body, stored.status, headers=headers)
            answer = _attempt(operation, tx, params)
            if key and answer.kept:
                idempotency.remember(tx, key, fingerprint, answer)
        await asyncio.sleep(answer.delivery.answer_after)
        if answer.delivery.cut:
            return Cut()
        headers = dict(answer.headers or {})
        return JSONResponse(answer.body, answer.status, headers=headers)


def _attempt(operation: Operation, tx: sqlite3.Connection, params: Params) -> Answer:
    """The operation's answer; a refusal after validation counts as one."""
    try:
        return operation(tx, params)
    except Fault as fault:
        if not fault.executed:
            raise
        return Answer(fault.status, fault.body())


def _query(request: Request, allowed: set[str]) -> Params:
    return Params(request.query_params, allowed=allowed)


def _read_refunds(request: Request) -> sqlite3.Connection:
    """The connection, for reading refunds: those that were to change by now have."""
    if _store(request).reader().execute(refunds.CHANGING).fetchone():
        with _store(request).transaction() as tx:
            refunds.settle(tx)
    return _store(request).reader()


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


async def _refuse(_: Request, fault: Fault) -> Response:
    return JSONResponse(fault.body(), fault.status)


async def _no_route(request: Request, _: Exception) -> Response:
    message = f"Unrecognized request URL ({request.method}: {request.url.path})."
    return JSONResponse(Fault(404, message).body(), 404)
