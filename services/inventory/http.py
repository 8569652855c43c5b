"""The inventory service over HTTP."""

from fastapi import FastAPI

from contracts.inventory import InventoryService
from infrastructure import service_app
from infrastructure.tokens import Verifier
from services.opened import Opened


def create_app(opened: Opened[InventoryService], verifier: Verifier) -> FastAPI:
    """Its operations as routes, for callers whose tokens the verifier lets pass."""
    return service_app.create_app(
        "inventory", InventoryService, opened.service, verifier, opened.ready
    )
