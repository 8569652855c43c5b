"""What the routes work with, put into the app's state by the composition root."""

from dataclasses import dataclass, field

from fastapi import Request
from temporalio.client import Client

from api.orders.live_events import EventBroadcaster
from api.orders.place_order import OrderPlacement
from api.overload.concurrency_limit import ConcurrencyLimit
from api.overload.load_shedding import LoadShedder
from api.provider_health import ProviderHealth
from api.temporal.saga_gateway import OrderSagas
from api.trouble.trouble_list import TroubleList
from api.trouble.trouble_watch import TroubleWatch
from contracts.webhooks import WebhookService
from infrastructure.postgres.notify import NotificationListener
from infrastructure.security.access_tokens import Verifier
from services.composition import Services

MOST_STARTS = 200  # an order takes milliseconds to accept; so many at once mean that it does not
AUTHENTICATE_WITHIN = 15 * 60  # seconds that customers have for it
MOST_STREAMS = 2000  # an open one costs some 50 KB, and a file descriptor
MOST_WAITING = 500  # each is a long poll, of which Temporal serves 1200 a namespace by default


@dataclass(frozen=True, kw_only=True)
class Backend:
    """Services, Temporal, and what is made of both; and who judges tokens.

    `temporal_ui` is the URL before the id. `waiting` bounds how many requests wait for an order's
    end; past it, nobody is made to wait. `streams` bounds how many are open at once.
    `plain_webhooks` says whether webhooks may have URLs without TLS. `trouble_watch` is None where
    nothing is to be measured of sagas in trouble.
    """

    client: Client
    services: Services
    verifier: Verifier
    sagas: OrderSagas
    troubles: TroubleList
    placement: OrderPlacement
    load_shedder: LoadShedder
    waiting: ConcurrencyLimit
    streams: ConcurrencyLimit
    broadcaster: EventBroadcaster
    provider_health: ProviderHealth
    temporal_ui: str
    webhooks: WebhookService | None = None
    plain_webhooks: bool = False
    trouble_watch: TroubleWatch | None = None
    currencies: set[str] = field(default_factory=set)  # that ever were in the metrics

    @classmethod
    def of(
        cls,
        client: Client,
        services: Services,
        verifier: Verifier,
        temporal_ui: str,
        *,
        notifications: NotificationListener | None = None,
        fast_path: bool = True,
        starts: int = MOST_STARTS,
        streams: int = MOST_STREAMS,
        most_open: int | None = None,
        authenticate_within: int | None = AUTHENTICATE_WITHIN,
        webhooks: WebhookService | None = None,
        plain_webhooks: bool = False,
        watch_troubles: bool = False,
    ) -> "Backend":
        """Put the parts together. `starts` is how many orders are accepted at once.

        `authenticate_within` is how long customers have for that; None if they may not.
        `most_open` is how many sagas may be open before new orders have to wait; None for any.
        `notifications` are of the order database; without, live events come up to a second late.
        """
        sagas = OrderSagas(client, fast_path=fast_path)
        load_shedder = LoadShedder(client, most_open)
        troubles = TroubleList(client, services)
        return cls(
            client=client,
            services=services,
            verifier=verifier,
            sagas=sagas,
            troubles=troubles,
            placement=OrderPlacement(
                services.users,
                services.orders,
                services.inventory,
                sagas,
                starts=ConcurrencyLimit(starts),
                load_shedder=load_shedder,
                authenticate_within=authenticate_within,
            ),
            load_shedder=load_shedder,
            waiting=ConcurrencyLimit(MOST_WAITING),
            streams=ConcurrencyLimit(streams),
            broadcaster=EventBroadcaster(services.orders, notifications),
            provider_health=ProviderHealth(services.payments),
            temporal_ui=f"{temporal_ui}/namespaces/{client.namespace}/workflows",
            webhooks=webhooks,
            plain_webhooks=plain_webhooks,
            trouble_watch=TroubleWatch(troubles) if watch_troubles else None,
        )


def backend(request: Request) -> Backend:
    """The dependency of every route."""
    found = request.app.state.backend
    assert isinstance(found, Backend)  # noqa: S101 - the composition root's promise
    return found
