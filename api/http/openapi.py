"""The OpenAPI document: stable operation ids, and every error of every operation.

A route names the errors of its own by `errors(404, 409)`. Those that any request may get are added
here. `docs/openapi.json` is the document as it was last released on purpose: see CONTRIBUTING.md.
"""

from collections import Counter
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel, Field

from api.http.problem_codes import FieldCode, ProblemCode
from api.http.problem_details import MEDIA_TYPE

ANY = (400, 406, 408, 413, 414, 431, 500, 503)  # whatever is asked
ANY_WITH_BODY = (415,)
METHODS_WITH_BODY = {"post", "put", "patch"}
KEY = "Idempotency-Key"
KEY_PATTERN = r"^[\x20-\x7e]{1,255}$"
SCHEMAS_OF_FASTAPI = ("HTTPValidationError", "ValidationError")  # we have our own
Responses = dict[int | str, dict[str, Any]]

# Names and words of our own: those of `http.HTTPStatus` differ from one Python to the next.
ERRORS = {
    400: ("BadRequest", "A header, the URI or the JSON is malformed; `code` says what"),
    401: ("Unauthorized", "No token, or one that does not hold; see WWW-Authenticate"),
    403: ("Forbidden", "The token's scope does not reach so far; see WWW-Authenticate"),
    404: ("NotFound", "There is no such thing"),
    406: ("NotAcceptable", "The header Accept excludes application/json"),
    408: ("RequestTimeout", "The request did not arrive in time"),
    409: ("Conflict", "It is not in the state for that; `code` says why"),
    412: ("PreconditionFailed", "It is no longer at the version of If-Match"),
    413: ("ContentTooLarge", "The body is larger than 64 KiB"),
    414: ("UriTooLong", "Path and query are longer than 8 KiB"),
    415: ("UnsupportedMediaType", "The body does not say that it is application/json"),
    422: ("UnprocessableContent", "A field is not valid; `errors` points to each"),
    431: ("HeadersTooLarge", "The headers are too many, or too large"),
    500: ("InternalError", "A bug; tell the operator the `request_id`"),
    503: ("Unavailable", "A part is down or overloaded, or its answer is unknown"),
}

DESCRIPTION = (
    "Orders that are charged once or not at all. Amounts are integers of minor units (cents). "
    "Errors are problem documents (RFC 9457) with a stable `code`."
)


class Fault(BaseModel):
    """One faulty field: `pointer` into the body, or the name of a `parameter` and where it is."""

    code: FieldCode
    detail: str
    pointer: str | None = Field(default=None, examples=["/items/0/quantity"])
    parameter: str | None = None
    in_: str | None = Field(default=None, alias="in", examples=["query"])


class ProblemDocument(BaseModel):
    """An error (RFC 9457). `code` is stable and for programs."""

    type: str = Field(examples=["about:blank"])
    title: str
    status: int
    detail: str
    code: ProblemCode
    request_id: str | None
    errors: list[Fault] | None = None


def errors(*statuses: int) -> Responses:
    """What a route may answer instead of a result."""
    return {status: {"description": ERRORS[status][1]} for status in statuses}


def header(description: str, **schema: Any) -> dict[str, Any]:
    """A header of an answer."""
    return {"description": description, "schema": {"type": "string", **schema}}


def operation_id(route: APIRoute) -> str:
    """The name of the route's function: part of the contract, as clients are generated from it."""
    return route.name


def install(app: FastAPI) -> None:
    """Have the app serve the document. ValueError if two routes have one operation id."""
    ids = Counter(route.name for route in iter_route_contexts(app.routes))
    if twice := [name for name, count in ids.items() if count > 1]:
        raise ValueError(f"name these route functions differently, they are operation ids: {twice}")

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way


def _document(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(
        title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes
    )
    used: set[int] = set()
    for operations in found["paths"].values():
        for method, operation in operations.items():
            used |= _complete(method, operation)
    schemas = found["components"]["schemas"]
    for name in SCHEMAS_OF_FASTAPI:
        schemas.pop(name, None)
    problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs") | {"Problem": problem}
    found["components"]["responses"] = {_name(status): _error(status) for status in sorted(used)}
    return found


def _complete(method: str, operation: dict[str, Any]) -> set[int]:
    """Add the errors that any request may get; all that the operation refers to."""
    answers = operation["responses"]
    common = ANY + (ANY_WITH_BODY if method in METHODS_WITH_BODY else ())
    told = {int(status) for status in answers} | set(common)
    ours = {status for status in told if status >= 400 and not _has_own_body(answers, status)}
    for status in ours:
        answers[str(status)] = {"$ref": f"#/components/responses/{_name(status)}"}
    operation["responses"] = dict(sorted(answers.items()))
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = there_or_not(parameter["schema"])
        if parameter["name"] == KEY:
            # Optional to the framework only: the route answers 400 itself, where that says 422.
            parameter |= {"required": True, "schema": {"type": "string", "pattern": KEY_PATTERN}}
    return ours


def there_or_not(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema without null, which the framework adds to an optional one."""
    choices: list[dict[str, Any]] = [
        item for item in schema.get("anyOf", ()) if item != {"type": "null"}
    ]
    if len(choices) != 1:
        return schema
    rest: dict[str, Any] = {name: item for name, item in schema.items() if name != "anyOf"}
    return rest | choices[0]


def _has_own_body(answers: dict[str, Any], status: int) -> bool:
    content = answers.get(str(status), {}).get("content", {})
    return bool(content) and status != 422


def _name(status: int) -> str:
    return ERRORS[status][0]


def _error(status: int) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    error: dict[str, Any] = {
        "description": ERRORS[status][1],
        "content": {MEDIA_TYPE: {"schema": schema}},
        "headers": {
            "X-Request-Id": header("The `request_id` of the problem"),
            "traceparent": header("Its trace (W3C), if there is one; of every answer"),
        },
    }
    if status == 503:
        later = header("Seconds; then send the same request again", type="integer")
        error["headers"]["Retry-After"] = later
    return error
