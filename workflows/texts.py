"""Text that people and tools send to a workflow, by whatever way they come.

An Update with what cannot be kept is refused, and leaves no trace. A signal cannot be refused, so
it is taken as far as it can be.
"""

import json
from collections.abc import Sequence
from typing import cast

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from contracts.base import MAX_REASON, storable, unfit
    from contracts.workflow_io import UNFIT_TEXT, CancelOrder

ANY_WISH = cast("type[CancelOrder]", CancelOrder | None)


def wish_of(given: Sequence[RawValue]) -> CancelOrder | None:
    """The wish that a signal brings; None if it was refused for its encryption.

    What is no CancelOrder is one all the same, whose reason is what was said.
    """
    if not given:
        return CancelOrder()
    payload = given[0].payload
    try:
        wish = workflow.payload_converter().from_payload(payload, ANY_WISH) or CancelOrder()
    except Exception:  # noqa: BLE001 - of whatever converter
        # A workflow of an earlier release has dropped such a signal.
        is_text = payload.metadata.get("encoding") == b"json/plain"
        if not is_text or not workflow.patched("a-cancel-is-never-dropped"):
            workflow.logger.warning("a signal to cancel cannot be read, and is dropped")
            return None
        wish = CancelOrder(reason=_read_reason(payload.data), by="operator")
    kept: CancelOrder = wish.model_copy(update={"reason": storable(wish.reason, MAX_REASON)})
    return kept


def _read_reason(data: bytes) -> str:
    """The reason in JSON that is no CancelOrder, or else all of it as it came."""
    text = data.decode(errors="replace")
    try:
        said = json.loads(text)
    except ValueError:
        return text
    reason = said.get("reason") if isinstance(said, dict) else said
    return reason if isinstance(reason, str) else text


def demand_fit(what: str, text: str, most: int) -> None:
    """ApplicationError if it cannot be kept: for the validators of Updates."""
    if (why := unfit(text, most)) is not None:
        raise ApplicationError(f"{what} {why}", type=UNFIT_TEXT)
