"""Refusals in the shape of Stripe's: status, type, code, message and the parameter at fault.

A declined card is not among them: it changes the intent, so it is an answer, not an exception.
"""

from typing import Any


class Fault(Exception):
    """A request that had no effect.

    `executed` says whether Stripe had begun to execute it: only then does the answer belong to
    the request's idempotency key. A request that fails validation may be sent again, mended.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
        executed: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.executed = executed
        self._error = {"type": kind, "code": code, "message": message, "param": param}

    def body(self) -> dict[str, Any]:
        """The JSON body; absent fields are left out, as Stripe does."""
        return {"error": {name: value for name, value in self._error.items() if value is not None}}

    @classmethod
    def missing(cls, what: str, name: str, *, param: str, status: int = 400) -> "Fault":
        """There is no such object."""
        return cls(status, f"No such {what}: '{name}'", code="resource_missing", param=param)

    @classmethod
    def invalid(cls, param: str, message: str, *, code: str = "parameter_invalid") -> "Fault":
        """A parameter that Stripe would not take."""
        return cls(400, message, code=code, param=param)

    @classmethod
    def unexpected_state(cls, message: str) -> "Fault":
        """The intent's status does not allow this."""
        return cls(400, message, code="payment_intent_unexpected_state", executed=True)

    @classmethod
    def key_in_use(cls, key: str) -> "Fault":
        """Another request with this idempotency key is being answered."""
        message = f"There is currently another in-progress request using the idempotency key {key}."
        return cls(409, message, code="idempotency_key_in_use", kind="idempotency_error")

    @classmethod
    def down(cls) -> "Fault":
        """The provider is not available; nothing happened."""
        return cls(503, "The sandbox is down for this payment method.", kind="api_error")

    @classmethod
    def poor(cls) -> "Fault":
        """The merchant's own balance does not cover a refund."""
        message = "Your account's balance does not cover this refund."
        return cls(400, message, code="balance_insufficient", executed=True)
