"""A workflow that most likely answers nobody is not waited for as long as one that is well."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from api.temporal.errors import DOUBTFUL_QUERY_TIMEOUT, UPDATE_TIMEOUT
from api.temporal.observed_saga import _ask_view
from api.temporal.troubles import CODES, NO_ORDER, READ_IT, Kind, Trouble
from saga.participant import Unavailable
from tests.docs.markdown import ROOT


class Silent:
    """Temporal, as far as a saga is asked there: nobody answers, for as long as one waits."""

    def __init__(self) -> None:
        self.waited: list[timedelta] = []

    def get_workflow_handle(self, _: str) -> "Silent":
        return self

    async def query(self, _: Any, *, rpc_timeout: timedelta) -> None:
        self.waited.append(rpc_timeout)
        raise RPCError("timed out", RPCStatusCode.DEADLINE_EXCEEDED, b"")


async def ask(kind: Kind | None) -> tuple[list[timedelta], bool]:
    """How long was waited, and whether it is shown without its account then."""
    temporal = Silent()
    now = datetime.now(UTC)
    trouble = Trouble(kind=kind, why="", way_out="", since=now) if kind else None
    try:
        view = await _ask_view(cast("Client", temporal), "order-1", trouble)
    except Unavailable:
        return temporal.waited, False
    return temporal.waited, view is None


@pytest.mark.parametrize("kind", [Kind.PROBLEM, Kind.UNKNOWN])
async def test_one_whose_code_fails_is_given_little_time_and_shown_without(kind: Kind) -> None:
    assert await ask(kind) == ([DOUBTFUL_QUERY_TIMEOUT], True)
    assert DOUBTFUL_QUERY_TIMEOUT * 2 < UPDATE_TIMEOUT


@pytest.mark.parametrize("kind", CODES)
async def test_one_that_cannot_answer_is_not_asked(kind: Kind) -> None:
    assert await ask(kind) == ([], True)


@pytest.mark.parametrize("kind", [None, Kind.BLOCKED])
async def test_one_that_is_well_or_blocked_has_the_time_of_a_workers_start(
    kind: Kind | None,
) -> None:
    """Its account is what the answer is about, so there is none without it."""
    assert await ask(kind) == ([UPDATE_TIMEOUT], False)


@pytest.mark.parametrize("way_out", [NO_ORDER, READ_IT])
def test_an_input_that_cannot_be_read_leads_to_its_runbook(way_out: str) -> None:
    page = "docs/runbooks/undecodable.md"
    assert way_out.endswith(f"see {page}")
    assert (ROOT / page).is_file()
