"""`saga graph`: draws a saga's definition."""

from pathlib import Path
from typing import Annotated

import typer

from contracts.workflow_io import SAGA_TYPES, find_saga_type

NAMES = ", ".join(kind.name for kind in SAGA_TYPES)


def graph(
    saga: Annotated[str, typer.Argument(help=f"Which saga: {NAMES}")],
    *,
    svg: Annotated[
        Path | None, typer.Option(help="Write a picture to this file, in place of Mermaid")
    ] = None,
) -> None:
    """Draw a saga: its steps in order, what each is, and how it is undone."""
    kind = find_saga_type(saga)
    if kind is None:
        raise typer.BadParameter(f"there is no saga {saga}: choose from {NAMES}")
    from saga.graph import mermaid  # noqa: PLC0415 - heavy
    from saga.graph import svg as picture  # noqa: PLC0415 - heavy
    from workflows.sagas import SAGAS  # noqa: PLC0415 - heavy

    definition = SAGAS[kind].definition
    if svg is None:
        typer.echo(mermaid(definition), nl=False)
    else:
        svg.write_text(picture(definition))
