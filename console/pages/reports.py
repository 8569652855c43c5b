"""`/console/reports`: what `saga verify` and `saga bench` wrote, from folders that settings name.

These files are not the console's own: a page among them is shown as if it came from nowhere, and
may load nothing and run nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.responses import FileResponse

from console.dependencies import ConsoleDeps
from console.security import csrf
from console.session_route import ConsoleRoute, SignedIn
from console.templating import page
from saga.participant import NotFound

KINDS = {".html": "text/html", ".png": "image/png", ".svg": "image/svg+xml"}
MOST = 200
ALONE = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; sandbox"
router = APIRouter(prefix=f"{csrf.PATH}/reports", route_class=ConsoleRoute)


@dataclass(frozen=True)
class Report:
    """A file that can be opened, by the number of its folder and its name."""

    folder: int
    path: Path
    written: datetime

    @property
    def link(self) -> str:
        """Where it is shown."""
        return f"{csrf.PATH}/reports/{self.folder}/{self.path.name}"

    @property
    def is_picture(self) -> bool:
        """Whether it can be shown on a page."""
        return self.path.suffix != ".html"


@router.get("")
async def reports_page(request: Request, me: SignedIn, deps: ConsoleDeps) -> Response:
    """The list, the newest first."""
    folders = deps.console.reports
    return page(request, "reports.html", reports=_list_newest(folders), folders=folders)


@router.get("/{folder}/{name}")
def one_report(folder: int, name: str, me: SignedIn, deps: ConsoleDeps) -> Response:
    """One file, as it is. NotFound unless it is on the list."""
    for item in _list_newest(deps.console.reports):
        if (item.folder, item.path.name) == (folder, name):
            headers = dict(csrf.HEADERS) | {"Content-Security-Policy": ALONE}
            return FileResponse(item.path, headers=headers, media_type=KINDS[item.path.suffix])
    raise NotFound("not_found", "there is no such report")


def _list_newest(folders: Iterable[Path]) -> list[Report]:
    return sorted(_list_all(folders), key=lambda it: it.written, reverse=True)[:MOST]


def _list_all(folders: Iterable[Path]) -> Iterator[Report]:
    for number, folder in enumerate(folders):
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.suffix in KINDS and path.is_file() and not path.is_symlink():
                written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                yield Report(number, path, written)
