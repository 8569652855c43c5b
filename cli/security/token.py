"""`saga token`: a token of the local stack, for curl and for other programs."""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.client import STATE_DIR
from cli.durations import lifetime
from local_stack.secrets import signing_keys
from local_stack.state_dir import StateDir, find_state_dir

SHORTEST = timedelta(seconds=1)


class Role(StrEnum):
    """The scopes that there are; what each may do is in docs/authentication.md."""

    CUSTOMER = "customer"
    SERVICE = "service"
    OPERATOR = "operator"


def token(
    customer: Annotated[
        str | None, typer.Option("--customer", help="usr_…: a token of this customer")
    ] = None,
    scope: Annotated[
        Role | None, typer.Option("--scope", help="Else `customer`, if there is one")
    ] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", help="Who a service or an operator is; else you")
    ] = None,
    expires: Annotated[
        str, typer.Option("--expires", help="Valid for so long: 90s, 15m, 1h or 7d")
    ] = "1h",
    state_dir: Annotated[Path, typer.Option("--state-dir")] = STATE_DIR,
) -> None:
    """Print a token of the local stack: --customer usr_…, or --scope operator or service.

    curl -H "Authorization: Bearer $(saga token --scope operator)" …
    """
    role, who = _bearer(customer, scope, subject)
    issuer = signing_keys.load(StateDir(find_state_dir(state_dir)))
    typer.echo(issuer.mint(signing_keys.AUDIENCE, who, [role], lifetime(expires, least=SHORTEST)))


def _bearer(customer: str | None, scope: Role | None, subject: str | None) -> tuple[Role, str]:
    """As what, and who."""
    if customer:
        if scope not in {None, Role.CUSTOMER} or subject:
            raise typer.BadParameter("--customer says it all: leave out --scope and --subject")
        return Role.CUSTOMER, customer
    if scope is None or scope is Role.CUSTOMER:
        raise typer.BadParameter("say whose token: --customer usr_…, or --scope operator")
    return scope, subject or signing_keys.username()
