"""The routes of the cluster's gateway are those of our own: what goes in, and for how long."""

from collections.abc import Iterator

import pytest

from infrastructure.envoy.routes import PUBLIC
from infrastructure.envoy.settings import GatewaySettings
from tests.deploy.rendered import Object, named, render

STREAM = "text/event-stream"


@pytest.fixture(scope="module")
def rules() -> list[Object]:
    found: list[Object] = named(render("production"), "HTTPRoute")["api"]["spec"]["rules"]
    return found


def time_out(rules: list[Object], method: str, path: str, accept: str = "*/*") -> str | None:
    """Of the rule that the Gateway API has win; None if none fits.

    An exact path goes before a prefix, a longer one before a shorter, then a method, then headers.
    """
    best = max(_fitting(rules, method, path, accept), default=None)
    return best[1] if best else None


def _fitting(
    rules: list[Object], method: str, path: str, accept: str
) -> Iterator[tuple[tuple[bool, int, bool, int], str]]:
    for rule in rules:
        for match in rule["matches"]:
            kind, value = match["path"]["type"], match["path"]["value"]
            assert kind in {"Exact", "PathPrefix"}, "what else there is, each gateway ranks itself"
            below = kind == "PathPrefix" and path.startswith(f"{value}/")
            asked = {header["name"].lower(): header["value"] for header in match.get("headers", [])}
            fits = path == value or below
            if (
                fits
                and match.get("method") in {None, method}
                and asked.get("accept") in {None, accept}
            ):
                rank = (kind == "Exact", len(value), "method" in match, len(asked))
                yield rank, rule["timeouts"]["request"]


@pytest.mark.parametrize("path", ["/v1/orders/ord_1/events", "/v1/events"])
def test_a_stream_lasts_as_long_as_it_likes(rules: list[Object], path: str) -> None:
    assert time_out(rules, "GET", path, STREAM) == "0s"
    assert time_out(rules, "GET", path) != "0s"


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/orders/ord_1/cancel", *PUBLIC])
def test_what_our_gateway_lets_in_goes_in(rules: list[Object], path: str) -> None:
    """For as long as the longest answer may take."""
    assert time_out(rules, "POST", path) == f"{GatewaySettings().write_timeout:g}s"


@pytest.mark.parametrize("path", ["/", "/metrics", "/console", "/v1x", "/docs/x", "/health"])
def test_nothing_else_does(rules: list[Object], path: str) -> None:
    for method in ("GET", "POST"):
        assert time_out(rules, method, path, STREAM) is None
