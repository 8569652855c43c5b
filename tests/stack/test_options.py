"""The flags of `saga up`, and where the help shows each command."""

import pytest
import typer.main

from cli.main import DEVELOP, OPERATE, ORDERS, PROVE, START, app
from local_stack.errors import StackError
from local_stack.options import Ports


def test_a_second_stack_has_all_its_ports_elsewhere() -> None:
    usual, moved = Ports().model_dump(), Ports().move_defaults(1000).model_dump()
    assert moved == {name: port + 1000 for name, port in usual.items()}


def test_a_port_that_is_given_stays_where_it_is() -> None:
    moved = Ports(api=4000).move_defaults(50)
    assert (moved.api, moved.gateway) == (4000, Ports().gateway + 50)


def test_an_offset_that_leaves_no_port_says_which() -> None:
    with pytest.raises(StackError, match="postgres would be at 65"):
        Ports().move_defaults(65_535 - Ports().postgres + 1)


def test_the_help_shows_each_command_by_what_one_wants_to_do() -> None:
    group = typer.main.get_group(app)
    panels = {name: vars(command)["rich_help_panel"] for name, command in group.commands.items()}
    assert set(panels.values()) == {START, ORDERS, OPERATE, PROVE, DEVELOP}
