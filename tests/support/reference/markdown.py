"""Tables, as the generated pages have them."""

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; `|` within a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    shown = [" | ".join(cell.replace("|", "\\|") for cell in line) for line in lines]
    ruled = [f"| {line} |" for line in shown]
    ruled[1] = "|" + "---|" * len(head)
    return "\n".join(ruled) + "\n"


def code(text: str) -> str:
    """In code type; nothing for no text."""
    return f"`{text}`" if text else ""
