"""Temporal as the operators' commands find it: by its own settings, or that of the local stack."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cli.client import STATE_DIR
from local_stack.state import state_file
from local_stack.state_dir import find_state_dir

if TYPE_CHECKING:
    from temporalio.client import Client
    from temporalio.converter import DataConverter


async def connect() -> "Client":
    """A client; without TEMPORAL_ADDRESS, of the stack that runs from this folder or one above."""
    from infrastructure.temporal import client  # noqa: PLC0415 - heavy

    return await client.connect(environment=_environment())


def converter() -> "DataConverter":
    """What reads the payloads of recorded histories, with the keys of the same."""
    from infrastructure.temporal import client  # noqa: PLC0415 - heavy

    return client.replay_converter(_environment())


def _environment() -> Mapping[str, str] | None:
    stack = (
        None if "TEMPORAL_ADDRESS" in os.environ else state_file.running(find_state_dir(STATE_DIR))
    )
    return stack.environment if stack else None
