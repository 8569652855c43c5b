"""What a saga takes beside its own files: where, before which line, and what is said there."""

# By file: what is put before what, in its first occurrence.
EDITS: dict[str, dict[str, str]] = {
    "contracts/sagas.py": {
        "SAGA_TYPES: Sequence[SagaType] = (PLACING, RETURNING)\n": '''
class HoldStockInput(StartReturn, SagaInput):
    """The input of HoldStock: which pieces are kept, and for whom."""

    customer_id: str


class HoldOutcome(Message):
    """Whether they are kept, and why not."""

    order_id: str
    held: bool
    reason: Reason | None = None


def _hold_of(saga_id: str, order_id: str) -> bool:
    return saga_id == f"hold-{order_id}"


HOLDING = SagaType(
    name="HoldStock",
    input=HoldStockInput,
    outcome=HoldOutcome,
    first_id=lambda order_id: f"hold-{order_id}",
    of=_hold_of,
    pivot="",
    landed=lambda outcome: outcome.held,
    view="/v1/orders/{order_id}/saga",
)
SAGA_TYPES: Sequence[SagaType] = (PLACING, RETURNING, HOLDING)
''',
    },
    "workflows/sagas.py": {
        "from contracts.sagas import PLACING, RETURNING, SagaType\n": (
            "from contracts.sagas import HOLDING, PLACING, RETURNING, SagaType\n"
            "from workflows.hold_stock import HoldStock\n"
        ),
        "RETURNING: ReturnOrder}": "RETURNING: ReturnOrder, HOLDING: HoldStock}",
    },
    "workers/queues.py": {
        "from activities.inventory import": (
            "from activities.holds import HoldActivities\nfrom activities.inventory import"
        ),
        "        return [inventory.reserve,": (
            "        hold = HoldActivities(services.inventory)\n"
            "        return [hold.set_aside, hold.put_back, inventory.reserve,"
        ),
    },
}
