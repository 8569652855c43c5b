"""The page on which a customer authenticates, as a bank shows it: by a button, or not at all.

A browser gets there by the intent's `next_action`, and goes back to its `return_url` afterwards,
as Stripe has it: with the intent's id, and whether that went well.
"""

from html import escape
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from sandbox import intents
from sandbox.params import Params, parse
from sandbox.payment_methods import FAIL, SUCCEED
from sandbox.store import Store

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Authenticate</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<body><main><h1>Your bank asks: is it you?</h1><p>{what}</p>{form}</main></body></html>"""
FORM = """<form method="post"><button name="outcome" value="succeed">Yes, pay</button>
<button name="outcome" value="fail">No</button></form>"""

pages = APIRouter()


@pages.get(intents.PAGE + "/{intent_id}")
async def show_page(request: Request, intent_id: str) -> Response:
    """What is to be paid, and two buttons; or that there is nothing to do."""
    intent = intents.find(_store(request).reader(), intent_id)
    if intent["status"] != "requires_action":
        return HTMLResponse(PAGE.format(what="There is nothing to authenticate any more.", form=""))
    what = escape(f"A payment of {intent['amount']} {intent['currency'].upper()} (minor units).")
    return HTMLResponse(PAGE.format(what=what, form=FORM))


@pages.post(intents.PAGE + "/{intent_id}")
async def take_answer(request: Request, intent_id: str) -> Response:
    """Authenticate or not, and lead the browser back to the merchant."""
    params = Params(parse(await request.body()), allowed={"outcome"})
    outcome = SUCCEED if params.require("outcome") == SUCCEED else FAIL
    with _store(request).transaction() as tx:
        there = intents.find(tx, intent_id)["return_url"]
        intents.authenticate(tx, intent_id, outcome)
        ended = intents.find(tx, intent_id)["status"]
    if not there:
        return HTMLResponse(PAGE.format(what="There is nothing to authenticate.", form=""), 404)
    status = "succeeded" if ended == "succeeded" else "failed"
    query = urlencode({"payment_intent": intent_id, "redirect_status": status})
    return RedirectResponse(f"{there}{'&' if '?' in there else '?'}{query}", 303)


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store
