"""`saga demo` on a real stack, and that it cannot succeed on books that do not add up."""

import json
from dataclasses import replace

import pytest

from cli.demo.balance import Books, Shelf
from cli.demo.scenarios import Meddling, Story
from cli.exit_codes import ExitCode
from tests.support.stack import Stack


async def test_the_demo_shows_six_endings_and_a_ledger_that_adds_up(stack: Stack) -> None:
    before = {child.name: child.restarts for child in stack.state.children}
    done = stack.saga("demo", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert {order["story"]: order["order"]["status"] for order in told["orders"]} == {
        "all is well": "confirmed",
        "card declined": "rejected",
        "out of stock": "rejected",
        "inactive user": "rejected",
        "cancelled in flight": "cancelled",
        "worker killed with -9": "confirmed",
    }
    assert told["adds_up"]
    assert told["money"]["witness"] == "the provider's ledger"
    assert "killed after the money had moved" in told["orders"][-1]["note"]
    killed = told["orders"][-1]["note"].partition(" ")[0]
    restarted = {
        child.name for child in stack.state.children if child.restarts > before[child.name]
    }
    assert restarted == {killed}


async def test_the_demo_by_url_alone_leaves_out_what_needs_the_local_stack(stack: Stack) -> None:
    done = stack.saga("demo", "--json", "--url", stack.api)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert len(told["orders"]) == 5
    assert (told["adds_up"], told["money"]["witness"]) == (True, "the payment service")


async def test_the_demo_without_an_api_says_what_to_do(stack: Stack) -> None:
    done = stack.saga("demo", "--url", "http://127.0.0.1:1")
    assert done.returncode == ExitCode.NO_ANSWER
    assert "saga up" in done.stderr


SHELF = Shelf(sku="A", before=10, available=8, reserved=0, sold=2, ordered=2)
BOOKS = Books(shelves=(SHELF,), captured=300, refunded=100, confirmed=200, witness="a test")


def test_books_that_add_up() -> None:
    assert BOOKS.adds_up


@pytest.mark.parametrize(
    "wrong",
    [
        replace(BOOKS, captured=301),
        replace(BOOKS, refunded=0),
        replace(BOOKS, confirmed=0),
        replace(BOOKS, shelves=(replace(SHELF, available=7),)),
        replace(BOOKS, shelves=(replace(SHELF, available=7, reserved=1),)),
        replace(BOOKS, shelves=(replace(SHELF, available=7, sold=3),)),
    ],
)
def test_books_that_do_not(wrong: Books) -> None:
    assert not wrong.adds_up


def test_a_story_that_was_not_meddled_with_has_not_shown_what_it_should() -> None:
    story = Story("x", "confirmed", meddling=Meddling.KILL_WORKER)
    story.order = {"status": "confirmed", "reason": None}
    assert not story.as_expected
    story.meddling = None
    assert story.as_expected
