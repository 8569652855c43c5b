"""What a step's action and its compensation mean for an order, in words."""

from contracts.orders import PAY_THE_REST, Order
from workflows.sagas import SAGAS

REST = "pays what is missing of {total} at the provider"
STEPS = {step.name: step for saga in SAGAS.values() for step in saga.definition}


def does(step: str, order: Order) -> str:
    """What a step's action means for this order."""
    if step == PAY_THE_REST:
        return _fill_in(REST, order)
    known = STEPS.get(_drop_generation(step))
    return _fill_in((known and known.does) or f"runs {_plain(step)}", order)


def undoes(step: str, order: Order) -> str:
    """What a step's compensation means for this order."""
    known = STEPS.get(_drop_generation(step))
    return _fill_in((known and known.undoes) or f"undoes {_plain(step)}", order)


def _drop_generation(step: str) -> str:
    """The step's name, whichever generation of it that is."""
    return step.partition("#")[0]


def _plain(step: str) -> str:
    return step.replace("_", " ")


def _fill_in(template: str, order: Order) -> str:
    number = sum(item.quantity for item in order.items)
    pieces = f"{number} piece{'s' if number != 1 else ''}"
    return template.format(total=order.total.format(), pieces=pieces)
