"""The payment service over HTTP: one payment for an order, charged and perhaps refunded."""

from fastapi import FastAPI

from contracts.payments import PaymentService
from infrastructure import service_app
from infrastructure.tokens import Verifier
from services.opened import Opened


def create_app(opened: Opened[PaymentService], verifier: Verifier) -> FastAPI:
    """Its operations as routes, for callers whose tokens the verifier lets pass."""
    return service_app.create_app("payment", PaymentService, opened.service, verifier, opened.ready)
