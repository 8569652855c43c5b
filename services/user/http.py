"""The user service over HTTP: accounts, and whether they may order."""

from fastapi import FastAPI

from contracts.users import UserService
from infrastructure.rpc import server
from infrastructure.security.access_tokens import Verifier
from services.service_handle import ServiceHandle


def create_app(handle: ServiceHandle[UserService], verifier: Verifier) -> FastAPI:
    """Its operations as routes, for callers whose tokens the verifier lets pass."""
    return server.create_app("user", UserService, handle.service, verifier, handle.ready)
