"""The sagas of this application, each once: whatever is told of all sagas is told of these."""

from collections.abc import Mapping

from contracts.workflow_io import PLACING, RETURNING, SagaType
from workflows.order_saga import OrderSaga
from workflows.place_order import PlaceOrder
from workflows.return_order import ReturnOrder

SAGAS: Mapping[SagaType, type[OrderSaga]] = {PLACING: PlaceOrder, RETURNING: ReturnOrder}
