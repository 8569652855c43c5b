"""The marks that commands print beside what went well and what did not, and the form of tables."""

from rich.table import Column, Table


def mark(*, well: bool) -> str:
    """One of both, in rich's markup."""
    return "[green]✓[/]" if well else "[red]✗[/]"


def keep_whole(*names: str, right: bool = False) -> tuple[Column, ...]:
    """Columns whose cells stay on one line while others give way: ids, states, amounts, times."""
    return tuple(Column(name, no_wrap=True, justify="right" if right else "left") for name in names)


def make_compact_table(*columns: Column | str, title: str | None = None) -> Table:
    """Without lines, so that 80 columns hold as much as they can. Columns by name are wrapped."""
    return Table(*columns, title=title, title_justify="left", box=None, pad_edge=False)
