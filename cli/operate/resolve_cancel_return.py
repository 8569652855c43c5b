"""`saga resolve|cancel|return`: what operators say to sagas, one or many, by the REST API."""

from typing import Annotated

import typer

from cli.client import Api, ApiError
from cli.operate.batch import (
    AsJson,
    Batch,
    DryRun,
    Query,
    Rate,
    Url,
    Yes,
    choose_orders,
    find_sagas,
)
from cli.operate.errors import report_errors
from cli.operate.order_details import reason_in, saga_path

Orders = Annotated[list[str] | None, typer.Argument(help="ord_…, one or more")]


def resolve(
    step: Annotated[str, typer.Argument(help="The blocked step")],
    saga_ids: Annotated[list[str] | None, typer.Argument(help="order-ord_…, one or more")] = None,
    *,
    action: Annotated[
        str, typer.Option("--action", help="retry, or what saga explain says that it takes")
    ] = "retry",
    role: Annotated[
        str | None, typer.Option("--role", help="What of the step is meant, as saga explain says")
    ] = None,
    evidence: Annotated[
        str, typer.Option("--evidence", help="Why that is true; skip and mark_done need it")
    ] = "",
    blocked: Annotated[bool, typer.Option("--blocked", help="All sagas blocked there")] = False,
    rate: Rate = 5,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Say what is to become of a blocked step: try it again, skip it, or mark it as done.

    A question, such as whether the pivot had landed, can only be asked again; so can the pivot.
    """
    if bool(saga_ids) == blocked:
        raise typer.BadParameter("name sagas, or say --blocked for all that are blocked there")
    with report_errors():
        api = Api.at(url)
        found = _blocked_at(api, step) if blocked else list(saga_ids or ())

        def act(saga_id: str) -> str:
            body = {"action": action, "evidence": evidence, "role": role}
            api.post(f"/v1/sagas/{saga_id}/steps/{step}/resolve", body)
            return f"{action} of {step} accepted"

        Batch(rate, dry_run, yes, as_json).run(f"{action} {step}", found, act)


def cancel(
    order_ids: Orders = None,
    *,
    query: Query = None,
    reason: Annotated[str, typer.Option("--reason")] = "cancelled by an operator",
    rate: Rate = 5,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Cancel orders, as far as it is not too late: what was done is undone."""
    with report_errors():
        api = Api.at(url)

        def act(order_id: str) -> str:
            return reason_in(api.post(f"/v1/orders/{order_id}/cancel", {"reason": reason}))

        Batch(rate, dry_run, yes, as_json).run("cancel", choose_orders(order_ids, query), act)


def return_orders(
    order_ids: Orders = None,
    *,
    query: Query = None,
    rate: Rate = 5,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Return confirmed orders: money and goods go back."""
    with report_errors():
        api = Api.at(url)

        def act(order_id: str) -> str:
            return reason_in(api.post(f"/v1/orders/{order_id}/return"))

        Batch(rate, dry_run, yes, as_json).run("return", choose_orders(order_ids, query), act)


def _blocked_at(api: Api, step: str) -> list[str]:
    """All sagas whose blocked step is this one."""
    found = []
    for saga_id in find_sagas("SagaState = 'blocked' AND ExecutionStatus = 'Running'"):
        try:
            view = api.get(saga_path(saga_id))
        except ApiError as error:
            if error.status != 404:
                raise
            continue  # it ended meanwhile, and is forgotten
        if any(row["name"] == step and row["state"] == "blocked" for row in view["steps"]):
            found.append(saga_id)
    return found
