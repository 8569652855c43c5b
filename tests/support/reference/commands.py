"""`docs/reference/commands.md`: every command, by the programs' own declarations."""

import argparse
import re
import tomllib
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NoReturn
from unittest.mock import patch

import typer
from typer.core import TyperGroup

from cli.main import app
from cli.operate.app import COMMANDS
from saga.__main__ import main as run_engine
from tests.support.reference.markdown import code, table

HEAD = """\
# Commands

`saga` is the command of the order application. `temporal-saga` has its commands for operators
alone, which are the same as `temporal saga …`:
{operators}.
`python -m saga` is the engine's own. Every command says `--help`; this page is made of the same
declarations by `make reference`.
"""
ENGINE = ("new", "verify")  # what `python -m saga` without a command says that it knows
PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"
HEADINGS = ("option", "default", "what it does")


class ParserFound(Exception):
    """A program has made its parser; `parser` is that."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__(parser.prog)
        self.parser = parser


def page() -> str:
    """The whole page."""
    operators = ", ".join(code(name) for name in [*COMMANDS, "deploy"])
    sections = [HEAD.format(operators=operators)]
    sections += [f"## Programs\n\n{table(('program', 'what it is'), programs())}"]
    sections += [_section(path, command) for path, command in of_saga()]
    sections += [_engine_section(name) for name in ENGINE]
    return "\n".join(sections)


def programs() -> list[tuple[str, str]]:
    """Each program that the application installs, with the first sentence of its module."""
    scripts = tomllib.loads(PYPROJECT.read_text())["project"]["scripts"]
    return [(code(name), _purpose(resolve_name(at).module)) for name, at in sorted(scripts.items())]


def _purpose(module: str) -> str:
    """The first sentence of the module, without the program's name before it."""
    text = (import_module(module).__doc__ or "").splitlines()[0]
    purpose = re.sub("^`saga-[^`]*`: ", "", text)
    return purpose[0].upper() + purpose[1:]


def of_saga() -> list[tuple[str, Any]]:
    """Every command of `saga` with its words, by these."""
    return sorted(_leaves("saga", typer.main.get_command(app)), key=lambda found: found[0])


def _leaves(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(command, TyperGroup):
        yield path, command
        return
    for name, below in command.commands.items():
        yield from _leaves(f"{path} {name}", below)


def _section(path: str, command: Any) -> str:
    words = [_word(each) for each in command.params if each.param_type_name == "argument"]
    usage = " ".join([path, *words])
    text = " ".join((command.help or "").split())
    rows = [_row(each) for each in command.params if not each.hidden and _is_documented(each)]
    below = table(HEADINGS, rows) if rows else ""
    return f"## {path}\n\n{code(usage)}\n\n{text}\n\n{below}".rstrip() + "\n"


def _word(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    repeated = f"{name}…" if argument.nargs != 1 else name
    return repeated if argument.required else f"[{repeated}]"


def _is_documented(parameter: Any) -> bool:
    return parameter.param_type_name == "option" or bool(parameter.help)


def _row(parameter: Any) -> tuple[str, str, str]:
    names = [*parameter.opts, *parameter.secondary_opts]
    if parameter.param_type_name == "argument":
        names = [_word(parameter).strip("[]…")]
    shown = ", ".join(code(name) for name in names)
    help_text = " ".join((parameter.help or "").split())
    if parameter.envvar:
        help_text += f" (or {code(str(parameter.envvar))})"
    return shown, _default(parameter), help_text


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if parameter.default is None or parameter.default is False or parameter.default in ("", (), []):
        return ""
    if parameter.default is True:
        return code(parameter.opts[0])
    return code(str(getattr(parameter.default, "value", parameter.default)))


def parser_of(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser that a command of the engine makes of itself."""

    def stop(parser: argparse.ArgumentParser, *_: object, **__: object) -> NoReturn:
        raise ParserFound(parser)

    with patch.object(argparse.ArgumentParser, "parse_args", stop):
        try:
            run_engine(words)
        except ParserFound as found:
            return found.parser
    raise ValueError(f"python -m saga {' '.join(words)} parses no arguments")


def _engine_section(name: str) -> str:
    parser = parser_of([name])
    actions = [each for each in parser._actions if not isinstance(each, argparse._HelpAction)]
    words = [each.dest.upper() for each in actions if not each.option_strings]
    rows = [
        (
            ", ".join(code(option) for option in each.option_strings or [each.dest.upper()]),
            "required" if each.required else code(str(each.default or "")),
            each.help or "",
        )
        for each in actions
    ]
    text = (parser.description or "").partition(": ")[2].strip().capitalize()
    usage = " ".join([f"python -m saga {name}", *words])
    return f"## python -m saga {name}\n\n{code(usage)}\n\n{text}\n\n{table(HEADINGS, rows)}"
