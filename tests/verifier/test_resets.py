"""Where the verifier resets a run to."""

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from saga.verify.injection.workflow_reset import FIRST, LAST, tasks_of

TIMED_OUT = EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT
TERMINATED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED


def test_a_run_that_was_terminated_in_the_second_attempt_of_its_first_task_can_be_reset() -> None:
    """Only the first attempt, which timed out, has an end in history."""
    history = [
        HistoryEvent(event_id=4, event_type=TIMED_OUT),
        HistoryEvent(event_id=5, event_type=TERMINATED),
    ]
    assert tasks_of(history) == {FIRST: 4, LAST: 4}
