"""Temporal as the operators' commands find it: by its own settings, or that of the local stack."""

import os

from temporalio.client import Client

from cli.client import STATE_DIR
from cli.stack import state
from infrastructure import temporal


async def connect() -> Client:
    """A client; without TEMPORAL_ADDRESS, of the stack that runs from this folder, if one does."""
    stack = None if "TEMPORAL_ADDRESS" in os.environ else state.running(STATE_DIR.absolute())
    return await temporal.connect(environment=stack.environment if stack else None)
