"""Which workflows and activities a worker runs on which task queue, and how."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from activities.inventory import InventoryActivities
from activities.orders import OrderActivities
from activities.orphan_audit import AuditActivities
from activities.payment_reconciliation import LedgerActivities
from activities.payments import PaymentActivities
from activities.users import UserActivities
from contracts.names import AUDITS, Queue
from saga.participant.activity_errors import ServiceErrors
from saga.stretch.worker import StretchPlugin
from services.composition import Services
from workers.saga_metrics import Measures
from workers.workflow_runner import runner_for
from workflows.audit_orders import AuditOrders
from workflows.sagas import SAGAS

# Longer than the longest activity attempt (charge_payment, 10 s), so that a worker told to stop
# finishes what it has begun; Temporal's default of 0 would cut every attempt short.
GRACEFUL_SHUTDOWN = timedelta(seconds=15)

# How long a workflow task waits for the worker that has the workflow in its cache. It is what a
# killed worker costs each of its sagas (the default is 10 s). Too low, and a busy worker loses its
# cache hits to replays of some 20 ms each; at 1 s that needs a backlog of a second.
STICKY_TIMEOUT = timedelta(seconds=1)

# Of each queue's activities in one worker, and of the fast path's, which may all be of one service.
# Together as many as a service's pool has connections, so that no attempt waits for one until it
# times out.
CONCURRENT_ACTIVITIES = 10
LOCAL_ACTIVITIES = 10

WORKFLOWS = {Queue.ORDERS: tuple(SAGAS.values())}

# Beside the sagas: workflows that look after them. On `orders` are those that were begun before
# audits had a queue of their own, and those that are started there by hand.
HOUSEKEEPING = {Queue.ORDERS: (AuditOrders,)}

# Of audits, in one worker: few, so that an audit never takes what the sagas need.
CONCURRENT_AUDITS = 3


def housekeeping_of(client: Client, services: Services) -> Sequence[Callable[..., Any]]:
    """The activities of workflows that look after sagas; they speak to Temporal too."""
    audits = AuditActivities(client, services.orders, services.inventory, services.payments)
    ledger = LedgerActivities(client, services.orders, services.payments)
    return [
        audits.epochs,
        audits.search,
        audits.begin,
        audits.standing,
        audits.books,
        audits.find,
        audits.repair,
        ledger.compare,
        ledger.look,
        ledger.settle,
    ]


def activities_of(queue: Queue, services: Services) -> Sequence[Callable[..., Any]]:
    """The activities of a queue, bound to the service that does the work."""
    if queue is Queue.ORDERS:
        orders = OrderActivities(services.orders)
        return [
            orders.create,
            orders.close,
            orders.confirm,
            orders.fence_confirm,
            orders.begin_return,
            orders.abandon_return,
            orders.complete_return,
            orders.note,
            orders.words,
            orders.require_action,
        ]
    if queue is Queue.USERS:
        return [UserActivities(services.users).validate]
    if queue is Queue.INVENTORY:
        inventory = InventoryActivities(services.inventory)
        return [inventory.reserve, inventory.release, inventory.commit, inventory.restock]
    payments = PaymentActivities(services.payments)
    return [payments.charge, payments.refund, payments.give_back, payments.fence_give_back]


def worker_for(client: Client, queue: Queue, services: Services, **options: Any) -> Worker:
    """A worker of one queue. `options` override the defaults, for tests.

    One that runs workflows has the activities of all queues: the fast path runs them there.
    """
    workflows = WORKFLOWS.get(queue, ())
    queues = Queue if workflows else (queue,)
    housekeeping = housekeeping_of(client, services) if queue in HOUSEKEEPING else ()
    defaults: dict[str, Any] = {
        "task_queue": queue,
        "workflows": [*workflows, *HOUSEKEEPING.get(queue, ())],
        "activities": [
            *(activity for one in queues for activity in activities_of(one, services)),
            *housekeeping,
        ],
        "plugins": [StretchPlugin()],
        **_defaults(client),
    }
    return Worker(client, **(defaults | options))


def audit_worker(client: Client, services: Services, **options: Any) -> Worker:
    """The worker of audits, in every process that has one of `orders`; `options` likewise."""
    defaults: dict[str, Any] = {
        "task_queue": AUDITS,
        "workflows": [AuditOrders],
        "activities": housekeeping_of(client, services),
        **_defaults(client),
        "max_concurrent_activities": CONCURRENT_AUDITS,
    }
    return Worker(client, **(defaults | options))


def workers_for(
    client: Client, queues: Iterable[Queue], services: Services, **options: Any
) -> list[Worker]:
    """The workers of these queues, and that of audits if `orders` is among them."""
    queues = list(queues)
    workers = [worker_for(client, queue, services, **options) for queue in queues]
    if Queue.ORDERS in queues:
        workers.append(audit_worker(client, services, **options))
    return workers


def _defaults(client: Client) -> dict[str, Any]:
    return {
        "interceptors": [ServiceErrors(), Measures()],
        "workflow_runner": runner_for(client.data_converter),
        "graceful_shutdown_timeout": GRACEFUL_SHUTDOWN,
        "sticky_queue_schedule_to_start_timeout": STICKY_TIMEOUT,
        "max_concurrent_activities": CONCURRENT_ACTIVITIES,
        "max_concurrent_local_activities": LOCAL_ACTIVITIES,
    }
