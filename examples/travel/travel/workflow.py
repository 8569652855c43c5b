"""What the workflows of both sagas have for people: a look at the saga, and a word on it."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from saga import Outcome, Resolution, Saga, SagaView


class SagaWorkflow:
    """The base of a workflow that runs one saga."""

    _saga: Saga

    async def _run(self) -> Outcome:
        """To the saga's end, and that of whatever was asked of it meanwhile."""
        outcome = await self._saga.run()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return outcome

    @workflow.query
    def saga(self) -> SagaView:
        """Where the saga stands, step by step."""
        return self._saga.view

    @workflow.update
    async def resolve(self, resolution: Resolution) -> None:
        """An operator's word on a step that is blocked: retry, skip or mark_done."""
        await self._saga.resolve(resolution)

    @resolve.validator
    def _can_be_resolved(self, resolution: Resolution) -> None:
        self._saga.check_resolution(resolution)
