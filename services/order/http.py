"""The order service over HTTP: orders and their events."""

from fastapi import FastAPI

from contracts.orders import OrderService
from infrastructure import service_app
from infrastructure.tokens import Verifier
from services.opened import Opened


def create_app(opened: Opened[OrderService], verifier: Verifier) -> FastAPI:
    """Its operations as routes, for callers whose tokens the verifier lets pass."""
    return service_app.create_app("order", OrderService, opened.service, verifier, opened.ready)
