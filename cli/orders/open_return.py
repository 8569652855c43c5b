"""The return of an order that is under way: read for `saga order show`, and told in a line."""

from typing import Any

from rich.markup import escape

from cli.client import Api, ApiError

ENDS = {"completed", "compensated"}  # of a saga


def read_open_return(api: Api, order: dict[str, Any]) -> dict[str, Any] | None:
    """How the return of an order stands, as long as one is under way, be it in trouble."""
    if order["status"] != "confirmed":
        return None
    try:
        found: dict[str, Any] = api.get(f"/v1/orders/{order['id']}/return")
    except ApiError as error:
        if error.status != 404:
            raise
        return None
    return None if found["state"] in ENDS else found


def describe_return(saga: dict[str, Any]) -> str:
    """That an order is being returned, by which saga, and what of it waits for an operator."""
    blocked = [
        f"{step['name']} is blocked" + (f", as {step['error']}" if step["error"] else "")
        for step in saga["steps"]
        if step["state"] == "blocked"
    ]
    why = "; ".join(blocked) or f"it is {saga['state'].replace('_', ' ')}"
    return f"it is being returned by {saga['saga_id']}: {escape(why)}"
