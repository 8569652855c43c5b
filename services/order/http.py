"""The order service over HTTP: orders and their events."""

from fastapi import FastAPI

from contracts.orders import OrderService
from infrastructure.rpc import server
from infrastructure.security.access_tokens import Verifier
from services.service_handle import ServiceHandle


def create_app(handle: ServiceHandle[OrderService], verifier: Verifier) -> FastAPI:
    """Its operations as routes, for callers whose tokens the verifier lets pass."""
    return server.create_app("order", OrderService, handle.service, verifier, handle.ready)
