"""What the routes work with, put into the app's state by the composition root."""

from dataclasses import dataclass

from fastapi import Request
from temporalio.client import Client

from api.acceptance import Acceptance
from api.sagas import OrderSagas
from infrastructure.tokens import Verifier
from services.composition import Services


@dataclass(frozen=True)
class Backend:
    """Services, Temporal, and what is made of both; and who judges tokens.

    `temporal_ui` is the URL before the id.
    """

    client: Client
    services: Services
    verifier: Verifier
    sagas: OrderSagas
    acceptance: Acceptance
    temporal_ui: str

    @classmethod
    def of(
        cls, client: Client, services: Services, verifier: Verifier, temporal_ui: str
    ) -> "Backend":
        """Put the parts together."""
        sagas = OrderSagas(client)
        return cls(
            client=client,
            services=services,
            verifier=verifier,
            sagas=sagas,
            acceptance=Acceptance(services.users, services.inventory, sagas),
            temporal_ui=f"{temporal_ui}/namespaces/{client.namespace}/workflows",
        )


def backend(request: Request) -> Backend:
    """The dependency of every route."""
    found = request.app.state.backend
    assert isinstance(found, Backend)  # noqa: S101 - the composition root's promise
    return found
