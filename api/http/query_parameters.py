"""Numbers in a query: in digits, and nothing else."""

import re

from pydantic import BeforeValidator

DIGITS = re.compile(r"-?[0-9]{1,9}")


def _in_digits(value: object) -> object:
    """Pydantic would take "4.0", "1_0" and a four with a space behind it for a number, too."""
    if isinstance(value, str) and not DIGITS.fullmatch(value):
        raise ValueError("write a whole number in digits")
    return value


IN_DIGITS = BeforeValidator(_in_digits)
