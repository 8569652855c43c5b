"""The sagas of this application as subjects: that of `workflows/<saga>.py` is beside."""

from collections.abc import Sequence
from importlib import import_module

from saga.verify.subject import Subject
from workflows.order_saga import OrderSaga
from workflows.sagas import SAGAS


class NoSubject(Exception):
    """A saga of which nobody has said yet what must be true; the message says where to."""


def subjects(name: str = "") -> Sequence[Subject]:
    """The subject of the saga of this name, or of all. NoSubject."""
    return [_of(saga) for kind, saga in SAGAS.items() if name in {"", kind.name}]


def _of(saga: type[OrderSaga]) -> Subject:
    module = saga.__module__.rpartition(".")[2]
    try:
        found = vars(import_module(f"{__package__}.{module}")).values()
    except ModuleNotFoundError:
        found = {}.values()
    for each in found:
        if isinstance(each, Subject) and each.workflow is saga:
            return each
    place = f"a Subject in invariants/subjects/{module}.py"
    raise NoSubject(f"say what must be true of {saga.__name__}: {place}")
