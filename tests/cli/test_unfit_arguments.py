"""What a shell may give a command and no URL or JSON can carry is told in words, and not sent."""

from collections.abc import Callable

import pytest

from cli.client import Api, ApiError

NOWHERE = Api("http://127.0.0.1:9")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: NOWHERE.post("/v1/orders/ord_x/cancel", {"reason": "a\udcff"}),
        lambda: NOWHERE.get("/v1/orders/a\udcff"),
        lambda: NOWHERE.get("/v1/orders/a\nb"),
        lambda: NOWHERE.get("/v1/orders/" + "x" * 100_000),
    ],
)
def test_an_argument_that_cannot_be_sent_is_an_error_of_its_own(ask: Callable[[], object]) -> None:
    with pytest.raises(ApiError) as refused:
        ask()
    assert refused.value.code == "unfit_text"
