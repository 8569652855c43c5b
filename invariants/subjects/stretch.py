"""How a saga of an order is run that attempts consecutive steps together first."""

from contracts.workflow_io import SagaInput


def with_stretch(argument: SagaInput) -> SagaInput:
    """The same saga; without a fast path by its own queue, as the API has it."""
    return argument.model_copy(update={"stretch": True, "own_queue": not argument.fast_path})
