"""Handlers that keep a failure or a cancellation from the kernel."""

from temporalio import workflow

from saga import Saga, SagaDefinition
from tests.saga.toy import ONE, PIVOT, TWO

CARELESS = SagaDefinition("Careless", (ONE, TWO, PIVOT))


@workflow.defn
class Careless:
    """Goes on as if nothing had happened."""

    @workflow.init
    def __init__(self) -> None:
        self._saga = Saga(CARELESS, "")

    @workflow.run
    async def run(self) -> None:
        try:
            await self._saga.step(ONE)
        except Exception:  # noqa: BLE001
            workflow.logger.warning("never mind")
        try:
            await self._saga.step(TWO)
        except:  # noqa: E722
            workflow.logger.warning("never mind")
        try:
            await workflow.sleep(1)
        except BaseException:  # this one is right
            workflow.logger.warning("told")
            raise
