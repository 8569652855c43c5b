"""The REST API as the commands use it, and where it is: `--url`, SAGA_URL, or the local stack."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import typer

from cli.stack import state

DEFAULT_URL = "http://127.0.0.1:8000"
STATE_DIR = Path(".saga")
PATIENCE = 15.0  # seconds for an answer


def api_url(given: str | None, state_dir: Path = STATE_DIR) -> str:
    """The given one, or that of the stack which runs from this folder, or the usual place."""
    if given:
        return given
    stack = state.running(state_dir.absolute())
    return stack.urls["api"] if stack else DEFAULT_URL


class ApiError(Exception):
    """An answer that is an error: the problem document's status, code and detail."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}: {detail}" if status else detail)
        self.status = status
        self.code = code


class Api:
    """Synchronous calls; every method returns the decoded body. ApiError for an error answer."""

    def __init__(self, url: str, http: httpx2.Client | None = None) -> None:
        self.url = url
        self._http = http or httpx2.Client(base_url=url, timeout=PATIENCE)

    def get(self, path: str, **query: Any) -> Any:
        """GET, without the parameters that are None."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._call("GET", path, params=given)

    def post(
        self, path: str, body: Any = None, *, key: str | None = None, wait: int | None = None
    ) -> Any:
        """POST, with an Idempotency-Key if one is given; the server may take `wait` seconds."""
        headers = {"Idempotency-Key": key} if key else {}
        if wait is not None:
            headers["Prefer"] = f"wait={wait}"
        timeout = PATIENCE + (wait or 0)
        return self._call("POST", path, json=body, headers=headers, timeout=timeout)

    def place(
        self,
        customer: str,
        items: dict[str, int],
        method: str,
        *,
        key: str | None = None,
        wait: int | None = None,
    ) -> Any:
        """Place an order of these quantities by SKU; with `wait`, its end if it comes in time."""
        lines = [{"sku": sku, "quantity": quantity} for sku, quantity in items.items()]
        body = {"customer_id": customer, "items": lines, "payment_method": method}
        return self.post("/v1/orders", body, key=key or uuid4().hex, wait=wait)

    def _call(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._http.request(method, path, **options)
        except httpx2.HTTPError as error:
            detail = f"no answer from {self.url} ({error}); is `saga up` running?"
            raise ApiError(0, "unreachable", detail) from error
        if answer.is_success:
            return answer.json()
        try:
            problem = answer.json()
        except ValueError:
            raise ApiError(answer.status_code, "unexpected_answer", answer.text[:200]) from None
        faults = [
            f"{fault.get('pointer') or fault.get('parameter')}: {fault['detail']}"
            for fault in problem.get("errors", [])
        ]
        detail = "; ".join([problem["detail"], *faults])
        raise ApiError(answer.status_code, problem["code"], detail)


def fail(error: ApiError) -> typer.Exit:
    """Print the error for people; raise what this returns."""
    typer.secho(str(error), fg="red", err=True)
    return typer.Exit(1)
