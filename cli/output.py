"""The marks that commands print beside what went well, and what did not."""


def mark(*, well: bool) -> str:
    """One of both, in rich's markup."""
    return "[green]✓[/]" if well else "[red]✗[/]"
