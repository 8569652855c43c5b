"""Messages as some other program may send them: nothing here has looked at their texts."""

import json
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue


def raw(**message: Any) -> RawValue:
    """A message in JSON, whatever is in it."""
    metadata = {"encoding": b"json/plain"}
    return RawValue(Payload(metadata=metadata, data=json.dumps(message).encode()))
