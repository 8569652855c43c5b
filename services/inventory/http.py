"""The inventory service over HTTP."""

from fastapi import FastAPI

from contracts.inventory import InventoryService
from infrastructure.rpc import server
from infrastructure.security.access_tokens import Verifier
from services.service_handle import ServiceHandle


def create_app(handle: ServiceHandle[InventoryService], verifier: Verifier) -> FastAPI:
    """Its operations as routes, for callers whose tokens the verifier lets pass."""
    return server.create_app("inventory", InventoryService, handle.service, verifier, handle.ready)
