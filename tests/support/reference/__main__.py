"""Writes the generated pages: `python -m tests.support.reference`."""

from tests.support.reference.pages import write

write()
