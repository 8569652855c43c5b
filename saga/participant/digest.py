"""What a command says, in short: so that one key can be held to one command."""

import hashlib
import json
from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter


def digest_of(declared: type[BaseModel], command: BaseModel) -> str:
    """SHA-256 of the command as JSON with sorted keys, in hexadecimal.

    Only the fields of the declared type count: an input that is sent where a part of it is asked
    for has the digest of that part, as it has when it arrives as JSON. A field that has its default
    does not count either. So a release that adds an optional field to a command answers for what
    the one before it has begun.
    """
    said = _adapter(declared).dump_python(command, mode="json", exclude_defaults=True)
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@cache
def _adapter(declared: type[BaseModel]) -> TypeAdapter[Any]:
    """Made once a type: putting one together costs more than using it."""
    return TypeAdapter(declared)
