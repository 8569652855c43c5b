"""What the stack's commands say, to a terminal or to a file."""

import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

TOKEN_HINTS = (
    "A token for an hour:  TOKEN={token}",
    "Another one:          saga token --scope operator, or --customer usr_…",
)
HINTS = (
    'First, the products:  curl -s {api}/v1/products -H "Authorization: Bearer $TOKEN"',
    "Then, six orders:     saga demo",
    "To stop everything:   Ctrl-C here, or `saga down`",
)


class LastingConsole(Console):
    """A console whose reader may go away: a closed terminal must not keep us from stopping."""

    def on_broken_pipe(self) -> None:
        """Say nothing more."""
        self.quiet = True


class Reporter:
    """Tells how the start goes on, live on a terminal and line by line elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began: dict[str, float] = {}
        self._lines: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def begins(self, name: str) -> None:
        """A part is being started."""
        self._began[name] = time.monotonic()
        if self._lines is None and self._console.is_terminal:
            spinner = SpinnerColumn(finished_text="[green]✓[/]")
            columns = (spinner, TextColumn("{task.description}"), TimeElapsedColumn())
            self._lines = Progress(*columns, console=self._console)
            self._lines.start()
        if self._lines:
            self._tasks[name] = self._lines.add_task(name, total=1)

    def ready(self, name: str, note: str | None = None) -> None:
        """It is done, or up."""
        if self._lines:
            self._lines.update(self._tasks[name], completed=1)
        else:
            self.say(f"{name}: ready after {time.monotonic() - self._began[name]:.1f} s")
        if note:
            self.say(f"{name}: {note}", style="yellow")

    def close(self) -> None:
        """The start is over, one way or the other."""
        if self._lines:
            self._lines.stop()
            self._lines = None

    def say(self, text: str, style: str = "") -> None:
        """One line, or nothing if the terminal is gone."""
        try:
            self._console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
        except OSError:
            self._console.quiet = True

    def up(self, urls: Mapping[str, str], state_dir: Path, token: str | None) -> None:
        """Where everything is, and what to do first; with a token, if the issuer is ours."""
        self.table(urls)
        self.say(f"Logs: {state_dir / 'logs'}")
        for hint in (*(TOKEN_HINTS if token else ()), *HINTS):
            self.say(hint.format(api=urls["api"], token=token))

    def table(self, urls: Mapping[str, str]) -> None:
        """A table of URLs."""
        try:
            self._console.print(make_table(urls))
        except OSError:
            self._console.quiet = True


def make_table(urls: Mapping[str, str]) -> Table:
    """What runs, and where; the longest URLs are folded."""
    columns = (Column(style="bold", no_wrap=True), Column(overflow="fold"))
    table = Table(*columns, box=None, show_header=False, pad_edge=False)
    for name, url in urls.items():
        table.add_row(name.replace("_", " "), url)
    return table
