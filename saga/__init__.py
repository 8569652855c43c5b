"""The saga kernel: a table of steps, run forward, and undone in reverse when it must be.

It knows Temporal and nothing of orders. A `SagaDefinition` says what there is to do; a workflow
runs it by `Saga.run`; activities raise `rejection` for a business "no".

The names of `saga.public` are here. They are loaded with the first that is asked for, since who
only takes part, by `saga.participant`, needs none of them, nor Temporal's SDK, which takes longest.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saga.public import *  # noqa: F403 - it says itself which names
else:

    def __getattr__(name: str) -> object:
        if name.startswith("__") or name == "public":  # Python's own question before it imports
            raise AttributeError(name)
        return getattr(import_module("saga.public"), name)
