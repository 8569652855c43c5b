"""`saga resolve|retry|settle|cancel|return`: what operators say to sagas, by the REST API."""

from dataclasses import dataclass
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
from cli.operate.order_details import Json, reason_in, saga_path, unless_down
from contracts.base import is_evidence
from contracts.money.formatting import format_money
from contracts.names import order_of, workflow_id
from contracts.orders import BY_HAND, Order
from contracts.workflow_io import type_of

REFUSED = 409
Orders = Annotated[list[str] | None, typer.Argument(help="ord_…, one or more")]


def resolve(
    step: Annotated[str, typer.Argument(help="The blocked step")],
    saga_ids: Annotated[
        list[str] | None, typer.Argument(help="order-ord_… or ord_…, one or more")
    ] = None,
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
    An order stands for the saga of it that is blocked there.
    """
    if bool(saga_ids) == blocked:
        raise typer.BadParameter("name sagas, or say --blocked for all that are blocked there")
    with report_errors():
        api = Api.at(url)
        found = _blocked_at(api, step) if blocked else list(saga_ids or ())
        word = OperatorWord(api, step, action, evidence, role)
        batch = Batch(rate, dry_run, yes, as_json)
        batch.run(f"{action} {step}", found, word.say, word.preview)


@dataclass(frozen=True)
class OperatorWord:
    """What `saga resolve` is told to say of a step, of one saga or many."""

    api: Api
    step: str
    action: str
    evidence: str
    role: str | None

    def say(self, which: str) -> str:
        """Say it of this saga or order; what it means, in words. ApiError if it is refused."""
        saga_id = self._find_saga(which)
        means, _ = unless_down(lambda: self._explain_now(saga_id))  # it is blocked still
        body = {"action": self.action, "evidence": self.evidence, "role": self.role}
        self.api.post(f"/v1/sagas/{saga_id}/steps/{self.step}/resolve", body)
        where = _name_other(saga_id, which)
        return f"{self.action} of {self.step} accepted{where}" + (f": {means}" if means else "")

    def preview(self, which: str) -> str:
        """What it would mean. ApiError if it would be refused, by the code of that refusal."""
        saga_id = self._find_saga(which)
        view = self.api.get(saga_path(saga_id))
        row = self._find_step(view)
        if row is None or row["state"] != "blocked" or self.role not in {None, row["role"]}:
            what = f"the {self.role} of {self.step}" if self.role else f"step {self.step}"
            why = f"; {view['trouble']['why']}" if view.get("trouble") else ""
            raise ApiError(REFUSED, "step_not_blocked", f"{what} is not blocked{why}")
        if self.action not in row["words"]:
            words = " or ".join(row["words"])
            detail = f"the {row['role'] or 'action'} of {self.step} takes {words} only"
            raise ApiError(REFUSED, "retry_only", detail)
        if self.action in BY_HAND and not is_evidence(self.evidence):
            raise ApiError(REFUSED, "evidence_missing", f"{self.action} needs evidence")
        where = _name_other(saga_id, which)
        return f"would {self.action} {self.step}{where}: {self._explain(saga_id, row)}"

    def _find_saga(self, which: str) -> str:
        """The saga that is meant: of an order, the one that is blocked there, or else anywhere."""
        if type_of(which) is not None:
            return which
        blocked = self.api.get(f"/v1/orders/{which}/story")["blocked"]
        there = [each["saga_id"] for each in blocked if each["step"] == self.step]
        return str([*there, *(each["saga_id"] for each in blocked), workflow_id(which)][0])

    def _find_step(self, view: Json) -> Json | None:
        return next((row for row in view["steps"] if row["name"] == self.step), None)

    def _explain_now(self, saga_id: str) -> str:
        row = self._find_step(self.api.get(saga_path(saga_id)))
        return self._explain(saga_id, row) if row else ""

    def _explain(self, saga_id: str, row: Json) -> str:
        """What the word says, of a step that waits for it."""
        if self.action not in BY_HAND:
            return str(row["words"].get(self.action, ""))
        from api.story.settled_by_hand import explain_word  # noqa: PLC0415 - heavy

        told = self.api.get(f"/v1/orders/{order_of(saga_id)}")
        order = Order.model_validate(
            {name: told[name] for name in Order.model_fields if name in told}
        )
        means = explain_word(self.step, self.action, row["role"], order)
        return f"you say that {means}; nothing is sent"


def _name_other(saga_id: str, which: str) -> str:
    return "" if saga_id == which else f" in {saga_id}"


def retry(
    which: Annotated[list[str], typer.Argument(help="ord_… or order-ord_…, one or more")],
    *,
    rate: Rate = 5,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Try again whatever is blocked of an order, or of a saga: `saga resolve` of each step.

    What merely fails is tried again by itself, and takes no word.
    """
    with report_errors():
        again = Again(Api.at(url))
        Batch(rate, dry_run, yes, as_json).run("retry", which, again.say, again.preview)


@dataclass(frozen=True)
class Again:
    """The word `retry`, said of all that is blocked of an order or a saga."""

    api: Api

    def say(self, which: str) -> str:
        """Say it; what it means, in words. ApiError if nothing is blocked, or it is refused."""
        return "; ".join(word.say(saga_id) for saga_id, word in self._find_blocked(which))

    def preview(self, which: str) -> str:
        """What it would mean. ApiError if it would be refused."""
        return "; ".join(word.preview(saga_id) for saga_id, word in self._find_blocked(which))

    def _find_blocked(self, which: str) -> list[tuple[str, OperatorWord]]:
        """Of a saga, its steps; of an order, those of all its sagas."""
        if type_of(which) is None:
            rows = self.api.get(f"/v1/orders/{which}/story")["blocked"]
            blocked = [(str(row["saga_id"]), str(row["step"])) for row in rows]
        else:
            steps = self.api.get(saga_path(which))["steps"]
            blocked = [(which, str(row["name"])) for row in steps if row["state"] == "blocked"]
        if not blocked:
            detail = f"nothing of {which} is blocked: what fails is tried again by itself"
            raise ApiError(REFUSED, "step_not_blocked", detail)
        return [
            (saga_id, OperatorWord(self.api, step, "retry", "", None)) for saga_id, step in blocked
        ]


def settle(
    order_ids: Annotated[list[str], typer.Argument(help="ord_…, one or more")],
    *,
    evidence: Annotated[str, typer.Option("--evidence", help="How one can see that it is so")],
    kept: Annotated[bool, typer.Option("--kept", help="It is to stay where it is")] = False,
    rate: Rate = 5,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Say that money of an order that has ended was moved by other means, or stays where it is.

    For money that the audit cannot give back, as the provider refuses it; and for what a confirmed
    order lacks of its price, as a goodwill. Nothing is sent; from then on the audit names it as
    settled by hand.
    """
    with report_errors():
        settlement = Settlement(Api.at(url), "skip" if kept else "mark_done", evidence)
        batch = Batch(rate, dry_run, yes, as_json)
        batch.run("settle", order_ids, settlement.say, settlement.preview)


@dataclass(frozen=True)
class Settlement:
    """The word on the money of an order that has ended."""

    api: Api
    action: str
    evidence: str

    def say(self, order_id: str) -> str:
        """Say it; what it means, in words. ApiError if it is refused."""
        return f"you say {self._ask(order_id, dry_run=False)}"

    def preview(self, order_id: str) -> str:
        """What it would mean. ApiError if it would be refused."""
        return f"would have you say {self._ask(order_id, dry_run=True)}"

    def _ask(self, order_id: str, *, dry_run: bool) -> str:
        body = {"action": self.action, "evidence": self.evidence, "dry_run": dry_run}
        settled = self.api.post(f"/v1/orders/{order_id}/settle", body)
        amount = format_money(settled["covers"]["minor"], settled["covers"]["currency"])
        return f"of {amount} that {settled['means']}; nothing is sent"


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
