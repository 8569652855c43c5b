"""`/docs`: the OpenAPI document for people, with Swagger UI from an installed package.

`/handbook/`: the pages of this project, where `make docs` has built a site of them.

Nothing is loaded from other sites, so it works offline, and nobody else learns who reads it.
"""

from pathlib import Path

import fastapi_offline
from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

ASSETS = "/docs/assets"
HANDBOOK = "/handbook"
FILES = Path(fastapi_offline.__file__).parent / "static"
router = APIRouter()


@router.get("/docs", include_in_schema=False)
async def docs() -> HTMLResponse:
    """Swagger UI."""
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Order saga",
        swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{ASSETS}/favicon.png",
    )


def install(app: FastAPI) -> None:
    """Serve the page and its files."""
    app.include_router(router)
    app.mount(ASSETS, StaticFiles(directory=FILES), name="docs_assets")


def serve_handbook(app: FastAPI, site: Path) -> None:
    """Serve the site that is in this folder, if it has been built."""
    if (site / "index.html").is_file():
        app.add_route(HANDBOOK, _to_its_first_page)
        app.mount(HANDBOOK, StaticFiles(directory=site, html=True), name="handbook")


async def _to_its_first_page(request: Request) -> RedirectResponse:
    return RedirectResponse(f"{HANDBOOK}/")
