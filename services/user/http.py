"""The user service over HTTP: accounts, and whether they may order."""

from fastapi import FastAPI

from contracts.users import UserService
from infrastructure import service_app
from infrastructure.tokens import Verifier
from services.opened import Opened


def create_app(opened: Opened[UserService], verifier: Verifier) -> FastAPI:
    """Its operations as routes, for callers whose tokens the verifier lets pass."""
    return service_app.create_app("user", UserService, opened.service, verifier, opened.ready)
