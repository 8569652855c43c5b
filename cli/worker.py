"""`saga worker`: one more worker beside the stack of this folder, such as one of a new version."""

import os
from pathlib import Path
from typing import Annotated

import typer

from cli.client import STATE_DIR
from local_stack.environment import VERSION
from local_stack.programs import Programs
from local_stack.state import state_file
from local_stack.state.running_stacks import missing_stack
from local_stack.state_dir import find_state_dir


def worker(
    build_id: Annotated[
        str, typer.Option("--build-id", help="The version of its code; see `saga deploy`")
    ] = "",
    *,
    state_dir: Annotated[Path, typer.Option("--state-dir", help="Of the stack")] = STATE_DIR,
) -> None:
    """Run a worker of this folder's code beside the stack, until Ctrl-C."""
    stack = state_file.running(find_state_dir(state_dir))
    if stack is None:
        raise missing_stack(state_dir, "`saga up` starts one")
    env = {**os.environ, **stack.environment}
    if build_id:
        env[VERSION[1]] = build_id
    argv = Programs().worker
    os.execve(argv[0], argv, env)  # noqa: S606 - our own program, in the place of this one
