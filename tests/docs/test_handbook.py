"""`make docs`: every page is on the site, no link leads nowhere, and the API serves it."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from api.routes.api_docs import serve_handbook
from tests.docs.markdown import DOCUMENTS, ROOT
from tests.support import handbook

ELSEWHERE = re.compile(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(?:https?:)?//')


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `make docs` builds it, in a folder of its own."""
    folder = tmp_path_factory.mktemp("handbook")
    handbook.lay_out(folder)
    build(folder)
    return folder / "site"


def build(folder: Path) -> None:
    """CalledProcessError if a link leads nowhere."""
    zensical = Path(sys.executable).parent / "zensical"
    command = [str(zensical), "build", "--strict", "--clean"]
    subprocess.run(
        [*command, "--config-file", str(folder / "zensical.toml")],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )


def page_of(site: Path, document: Path) -> Path:
    """Where a document is on the site: a folder of its own, or its folder's first page."""
    path = document.relative_to(ROOT)
    name = path.parent if path.name == "README.md" else path.with_suffix("")
    return site / name / "index.html"


def test_every_document_is_a_page(site: Path) -> None:
    missing = [path.name for path in handbook.documents() if not page_of(site, path).exists()]
    assert missing == []
    assert set(DOCUMENTS) <= set(handbook.documents())


def test_every_document_is_in_the_menu() -> None:
    listed = {path for _, entries in handbook.navigation() for _, path in entries}
    pages = {str(path.relative_to(ROOT)) for path in handbook.documents()}
    assert pages - listed == {"docs/README.md"}  # the menu begins with it


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert not ELSEWHERE.search(page.read_text()), page


def test_pages_can_be_searched(site: Path) -> None:
    index = json.loads((site / "search.json").read_text())
    assert re.split(index["config"]["separator"], "409 too_late_to_cancel") == [
        "409",
        "too_late_to_cancel",
    ]
    found = json.dumps(index)
    for word in ("too_late_to_cancel", "MOST_OPEN_SAGAS", "tombstone"):
        assert word in found, word


def test_a_link_that_leads_nowhere_ends_the_build(site: Path, tmp_path: Path) -> None:
    shutil.copytree(site.parent / "pages", tmp_path / "pages")
    shutil.copy(site.parent / "zensical.toml", tmp_path)
    with (tmp_path / "pages/docs/why.md").open("a") as page:
        page.write("\n[nowhere](no-such-page.md)\n")
    with pytest.raises(subprocess.CalledProcessError):
        build(tmp_path)


def client(app: FastAPI) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app)
    return httpx2.AsyncClient(transport=transport, base_url="http://api", follow_redirects=True)


async def test_the_api_serves_what_is_built(site: Path) -> None:
    app = FastAPI()
    serve_handbook(app, site)
    async with client(app) as http:
        first = await http.get("/handbook")
        assert first.status_code == 200
        assert "Order saga" in first.text
        page = await http.get("/handbook/docs/tutorial/")
        assert "Place an order with curl" in page.text
        assert (await http.get("/handbook/no-such-page/")).status_code == 404


async def test_the_api_serves_nothing_where_nothing_is_built(tmp_path: Path) -> None:
    app = FastAPI()
    serve_handbook(app, tmp_path)
    async with client(app) as http:
        assert (await http.get("/handbook")).status_code == 404
