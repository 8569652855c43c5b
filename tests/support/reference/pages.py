"""Which pages are made of the code, and by what."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.support.reference import commands, errors, isolation, settings

FOLDER = Path(__file__).parents[3] / "docs/reference"
PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings.page,
    "commands.md": commands.page,
    "errors.md": errors.page,
    "isolation.md": isolation.page,
}


def write() -> None:
    """Write those anew that have changed."""
    for name, page in PAGES.items():
        file, text = FOLDER / name, page()
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
