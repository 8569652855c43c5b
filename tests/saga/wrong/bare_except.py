"""Handlers that keep a failure or a cancellation from the kernel."""

from temporalio import workflow

from saga import Saga, Step
from tests.saga.toy import ONE, PIVOT, TWO

STEPS: tuple[Step[str, str], ...] = (ONE, TWO, PIVOT)


@workflow.defn
class Careless:
    """Goes on as if nothing had happened."""

    @workflow.init
    def __init__(self) -> None:
        self._saga = Saga(STEPS)
        self._saga.declare(ONE, "c")
        self._saga.declare(TWO, "c")

    @workflow.run
    async def run(self) -> None:
        try:
            await self._saga.step(ONE, "c")
        except Exception:  # noqa: BLE001
            workflow.logger.warning("never mind")
        try:
            await self._saga.step(TWO, "c")
        except:  # noqa: E722
            workflow.logger.warning("never mind")
        try:
            await workflow.sleep(1)
        except BaseException:  # this one is right
            workflow.logger.warning("told")
            raise
