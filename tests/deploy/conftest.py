"""The overlays, rendered once. Tests that change an object copy it first."""

import pytest

from tests.deploy.rendered import OVERLAYS, Object, render


@pytest.fixture(scope="session")
def rendered() -> dict[str, list[Object]]:
    """By overlay, all of its objects."""
    return {overlay: render(overlay) for overlay in OVERLAYS}
