"""The commands of the order sagas' steps, each computed from the saga's input; and their words."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from contracts.inventory import ReserveStock, StockLine
    from contracts.orders import ConfirmOrder, CreateOrder, StartReturn
    from contracts.payments import ChargePayment, GiveBack
    from contracts.users import ValidateUser
    from saga import AwaitedOutcome


def the_order(order: CreateOrder) -> CreateOrder:
    """The order itself."""
    return order


def the_return(order: StartReturn) -> StartReturn:
    """The return itself."""
    return order


def validate(order: CreateOrder) -> ValidateUser:
    """Whose account must be open."""
    return ValidateUser(customer_id=order.customer_id)


def stock_of(order: CreateOrder | StartReturn) -> ReserveStock:
    """The pieces of an order, as the inventory knows them."""
    lines = tuple(StockLine(sku=item.sku, quantity=item.quantity) for item in order.items)
    return ReserveStock(order_id=order.order_id, lines=lines)


def charge(order: CreateOrder) -> ChargePayment:
    """What is to be paid, and by what."""
    return ChargePayment(
        order_id=order.order_id,
        amount=order.total,
        payment_method=order.payment_method,
        authenticate_within=order.authenticate_within,
    )


def time_to_authenticate(command: ChargePayment) -> timedelta:
    """How long customers have, if they may at all."""
    return timedelta(seconds=command.authenticate_within or 0)


AUTHENTICATION = AwaitedOutcome(
    what="the customer to authenticate the payment",
    code="authentication_expired",
    within=time_to_authenticate,
)


def give_back(order: StartReturn) -> GiveBack:
    """What the customer gets back."""
    return GiveBack(order_id=order.order_id, amount=order.total)


def confirm(order: CreateOrder) -> ConfirmOrder:
    """Which order becomes binding."""
    return ConfirmOrder(order_id=order.order_id)


def pieces(stock: ReserveStock) -> str:
    """The pieces for people, in a step's summary."""
    return ", ".join(f"{line.quantity} x {line.sku}" for line in stock.lines[:3])


def money(command: ChargePayment | GiveBack) -> str:
    """An amount for people, in a step's summary."""
    return command.amount.format()
