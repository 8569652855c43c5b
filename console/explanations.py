"""What happened to an order, and what a button would do, in words for people who see it first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from api.orders.money_settlement import OpenMoney
from api.story.step_words import does, undoes
from console.order_details import OrderDetails
from console.saga_diagram import Node, Picture
from console.templating import words
from contracts.orders import Order, OrderStatus
from saga import Role, StepKind, StepState
from workflows.return_order import RETURN_ORDER

QUESTIONS = {Role.FENCE, Role.PROBE}
ASK = "asks the service again whether it took effect, which decides how the saga goes on"
TAKEN = {
    *(StepState.RUNNING, StepState.WAITING, StepState.DONE),
    *(StepState.FAILED, StepState.BLOCKED),
}


@dataclass(frozen=True)
class Deed:
    """One thing that will be done: of which step, and what it means."""

    step: str
    means: str


@dataclass(frozen=True)
class Plan:
    """What a button would do, in order. If `refusal` is not empty, it can not, and that is why."""

    deeds: Sequence[Deed] = ()
    ends: str = ""
    refusal: str = ""


def plan_cancel(case: OrderDetails) -> Plan:
    """What a cancel would do now."""
    order, saga = case.order, case.sagas[0] if case.sagas else None
    if not order.status.is_open:
        return Plan(refusal=f"The order is {words(order.status)}; there is nothing to cancel.")
    if any(not trouble.goes_on for trouble in case.troubles):
        return Plan(refusal=case.story.says)
    if saga is None:
        return Plan(refusal="Temporal does not know its saga any more.")
    if any(node.kind is StepKind.PIVOT and node.action.state in TAKEN for node in saga.nodes):
        return Plan(refusal="It is past the pivot: what is left will be carried out.")
    if saga.cause is not None:
        return Plan(refusal="It is being undone already.")
    deeds = [Deed(step.name, undoes(step.name, order)) for step in _list_begun(saga)]
    return Plan(deeds, "Then the order is cancelled: no money is kept, no stock is held.")


def plan_return(case: OrderDetails) -> Plan:
    """What a return would do."""
    order = case.order
    if order.status != OrderStatus.CONFIRMED:
        what = words(order.status)
        return Plan(refusal=f"The order is {what}; only a confirmed one can be returned.")
    if case.is_returning:
        return Plan(refusal="It is being returned already.")
    deeds = [Deed(step.name, does(step.name, order)) for step in RETURN_ORDER]
    return Plan(deeds, "Then the order is returned. From the refund on, nothing stops it.")


def plan_settlement(money: OpenMoney) -> Plan:
    """What a word on the money of an order that has ended would do."""
    where = "is not at the provider" if money.is_missing else "is at the provider"
    means = (
        f"{money.amount.format()} {where}. Nothing is sent: it is on record what became of it, and "
        "the audit leaves it"
    )
    end = "Then it is no trouble any more, and is named by audits."
    return Plan([Deed(money.about.step, means)], end)


def plan_resolution(case: OrderDetails, saga: Picture, node: Node, action: str) -> Plan:
    """What an operator's word on this blocked step would do."""
    order, undoing = case.order, saga.cause is not None
    if node.role in QUESTIONS:
        return Plan([Deed(node.name, ASK)], "Then the saga goes on as the answer has it.")
    what = (undoes if node.role is Role.COMPENSATION else does)(node.name, order)
    first = {
        "retry": f"tries it again, now: {what}. If it is refused again, it is blocked again",
        "skip": f"does not do it, and goes on. What is left undone: {what}",
        "mark_done": f"counts it as done by other means: {what}. Nothing is sent to the service",
    }[action]
    others = [item.name for item in saga.blocked if item.name != node.name]
    left = f" {', '.join(map(words, others))} still waits." if others else ""
    end = "the order is closed" if undoing else "the saga goes on to its end"
    return Plan([Deed(node.name, first), *_after(saga, order)], f"Then {end}.{left}")


def _after(saga: Picture, order: Order) -> Iterator[Deed]:
    """What still follows by itself: the steps that conclude, or those past the pivot."""
    if saga.cause is None:
        for node in saga.nodes:
            if node.action.state == StepState.PENDING:
                yield Deed(node.name, does(node.name, order))
        return
    first = saga.nodes[0]
    if first.undo is not None and first.undo.state in {None, StepState.PENDING}:
        yield Deed(first.name, undoes(first.name, order))


def _list_begun(saga: Picture) -> list[Node]:
    """What a cancel would undo, last first."""
    begun = [node for node in saga.nodes if node.action.state in TAKEN and node.undo is not None]
    return [*reversed(begun)]
