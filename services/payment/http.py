"""The payment service over HTTP: one payment for an order, charged and perhaps refunded."""

from fastapi import FastAPI

from contracts.payments import PaymentService
from infrastructure.rpc import server
from infrastructure.security.access_tokens import Verifier
from services.service_handle import ServiceHandle


def create_app(handle: ServiceHandle[PaymentService], verifier: Verifier) -> FastAPI:
    """Its operations as routes, for callers whose tokens the verifier lets pass."""
    return server.create_app("payment", PaymentService, handle.service, verifier, handle.ready)
