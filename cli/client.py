"""The REST API as the commands use it, and where it is: `--url`, SAGA_URL, or the local stack.

They call as SAGA_TOKEN says, or else, on this machine, as an operator of the local stack.
"""

import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
import typer

from cli.exit_codes import exit_code_of
from infrastructure.security.jwks import is_loopback
from local_stack.secrets import signing_keys
from local_stack.state import state_file
from local_stack.state.running_stacks import describe_others, describe_owner
from local_stack.state_dir import StateDir, find_state_dir

DEFAULT_URL = "http://127.0.0.1:8000"
STATE_DIR = Path(".saga")
LIFETIME = timedelta(minutes=15)  # longer than any command takes
PATIENCE = 15.0  # seconds for an answer
SILENCE = 40.0  # seconds; a stream shows more often than that that it is alive


def api_url(given: str | None, state_dir: Path = STATE_DIR) -> str:
    """The given one, or that of the stack which runs from this folder, or the usual place."""
    if given:
        return given
    stack = state_file.running(find_state_dir(state_dir))
    return stack.urls["api"] if stack else DEFAULT_URL


def api_token(
    url: str, state_dir: Path, environ: Mapping[str, str], lifetime: timedelta = LIFETIME
) -> str | None:
    """SAGA_TOKEN; else an operator's of the local stack, which is never sent to another machine."""
    if given := environ.get("SAGA_TOKEN"):
        return given
    layout = StateDir(find_state_dir(state_dir))
    if not is_loopback(urlsplit(url).hostname) or not layout.signing_key.exists():
        return None
    return signing_keys.operators_token(signing_keys.load(layout), lifetime)


class ApiError(Exception):
    """An answer that is an error: the problem document's status, code and detail.

    `resume` is the event to go on behind, where the one that we saw last is unknown.
    """

    def __init__(self, status: int, code: str, detail: str, resume: str | None = None) -> None:
        super().__init__(f"{status} {code}: {detail}" if status else detail)
        self.status = status
        self.code = code
        self.resume = resume


class Api:
    """Synchronous calls; every method returns the decoded body. ApiError for an error answer."""

    def __init__(self, url: str, token: str | None = None, *, patience: float = PATIENCE) -> None:
        self.url = url
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx2.Client(base_url=url, timeout=patience, headers=headers)

    @classmethod
    def at(
        cls,
        given: str | None,
        state_dir: Path = STATE_DIR,
        *,
        patience: float = PATIENCE,
        lifetime: timedelta = LIFETIME,
    ) -> "Api":
        """The API at this URL, or the local one, called by whoever `api_token` says.

        `patience`: seconds for an answer. `lifetime`: of a token that is made here.
        """
        url = api_url(given, state_dir)
        token = api_token(url, state_dir, os.environ, lifetime)
        return cls(url, token, patience=patience)

    def close(self) -> None:
        """Let go of its connections."""
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """GET, without the parameters that are None."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._call("GET", path, params=given)

    def get_items(self, path: str, **query: Any) -> list[Any]:
        """What is in a list, as far as one answer tells it."""
        found: list[Any] = self.get(path, **query)["items"]
        return found

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

    def events(self, path: str, seen: str) -> Iterator[httpx2.ServerSentEvent]:
        """Events as they happen, behind the one with the id `seen`, until the stream ends.

        ApiError `unreachable` if it breaks off.
        """
        headers = {"Last-Event-ID": seen} if seen else {}
        try:
            with self._http.sse(path, headers=headers, timeout=SILENCE) as source:
                if source.response.is_error:
                    source.response.read()
                    raise self._error(source.response)
                yield from source
        except httpx2.HTTPError as error:
            raise self._unreachable(error) from error

    def _call(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._http.request(method, path, **options)
        except httpx2.HTTPError as error:
            raise self._unreachable(error) from error
        except (UnicodeError, httpx2.InvalidURL) as error:  # as an argument of a shell may be
            raise ApiError(0, "unfit_text", f"what was given cannot be sent: {error}") from error
        if answer.is_success:
            return answer.json()
        raise self._error(answer)

    def _unreachable(self, error: httpx2.HTTPError) -> ApiError:
        detail = f"no answer from {self.url} ({error}); is `saga up` running?"
        if self.url == DEFAULT_URL:
            detail += describe_others(STATE_DIR)
        return ApiError(0, "unreachable", detail)

    def _error(self, answer: httpx2.Response) -> ApiError:
        """What the answer says is wrong."""
        try:
            problem = answer.json()
        except ValueError:
            return ApiError(answer.status_code, "unexpected_answer", answer.text[:200])
        faults = [
            f"{fault.get('pointer') or fault.get('parameter')}: {fault['detail']}"
            for fault in problem.get("errors", [])
        ]
        hints = [self._find_issuer()] if answer.status_code == 401 else []
        detail = "; ".join([problem["detail"], *faults, *hints])
        return ApiError(
            answer.status_code, problem["code"], detail, answer.headers.get("Last-Event-ID")
        )

    def _find_issuer(self) -> str:
        """What to do where a token is refused: it may be of another folder's stack."""
        owner = describe_owner(self.url, STATE_DIR)
        return owner or "set SAGA_TOKEN to a token of its issuer"


def fail(error: ApiError) -> typer.Exit:
    """Print the error for people; raise what this returns."""
    typer.secho(str(error), fg="red", err=True)
    return typer.Exit(exit_code_of(error.status, error.code))
