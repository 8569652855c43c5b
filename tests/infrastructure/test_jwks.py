"""Keys from a key set: rotated without a restart, not fetched in a storm, kept in outages."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infrastructure.security.jwks import (
    FIRST_INTERVAL,
    MAX_AGE,
    MIN_INTERVAL,
    KeySet,
    demand_usable,
    open_keys,
    parse,
)
from infrastructure.security.signing_keys import SigningKey
from saga.participant import Unavailable

OLD, NEW = SigningKey.generate(), SigningKey.generate()


class Source:
    """A key set that somebody publishes, with a clock, and a gate that holds fetches up."""

    def __init__(self, *keys: SigningKey) -> None:
        self.now = 1000.0
        self.fetches = 0
        self.up = True
        self.asked = asyncio.Event()
        self.answering = asyncio.Event()
        self.answering.set()
        self.publish(*keys)
        self.keys = KeySet(self.load, clock=lambda: self.now)

    def publish(self, *keys: SigningKey) -> None:
        self.document = json.dumps({"keys": [key.jwk for key in keys]}).encode()

    async def load(self) -> bytes:
        self.fetches += 1
        self.asked.set()
        await self.answering.wait()
        if not self.up:
            raise OSError("away")
        return self.document

    async def knows(self, key: SigningKey) -> bool:
        return await self.keys.find(key.kid) is not None


async def test_a_new_key_is_found_without_a_restart_and_the_old_one_stays_good() -> None:
    source = Source(OLD)
    assert await source.knows(OLD)
    source.publish(OLD, NEW)
    source.now += MIN_INTERVAL
    assert await source.knows(NEW)
    assert await source.knows(OLD)
    assert source.fetches == 2


async def test_forged_names_do_not_make_a_storm_of_fetches() -> None:
    source = Source(OLD)
    for second in range(100):
        names = (f"forged-{second}-{n}" for n in range(20))
        assert set(await asyncio.gather(*map(source.keys.find, names))) == {None}
        source.now += 1
    assert source.fetches == 100 / MIN_INTERVAL
    assert await source.knows(OLD)


async def test_all_who_wait_share_one_fetch_even_if_the_first_goes_away() -> None:
    source = Source(OLD)
    source.answering.clear()
    first, *others = [asyncio.create_task(source.knows(OLD)) for _ in range(50)]
    async with asyncio.timeout(5):
        await source.asked.wait()
    first.cancel()
    source.answering.set()
    assert await asyncio.gather(*others) == [True] * 49
    assert source.fetches == 1


async def test_old_keys_stay_good_while_the_source_is_away() -> None:
    source = Source(OLD)
    assert await source.knows(OLD)
    source.up = False
    source.now += MAX_AGE * 10
    assert await source.knows(OLD)
    assert not await source.knows(NEW)
    source.up = True
    source.publish(NEW)
    source.now += MIN_INTERVAL
    assert await source.knows(NEW)


async def test_whoever_has_a_known_key_does_not_wait_for_its_renewal() -> None:
    source = Source(OLD)
    assert await source.knows(OLD)
    source.answering.clear()
    source.now += MAX_AGE
    async with asyncio.timeout(5):
        assert await source.knows(OLD)
    source.answering.set()
    await source.keys.refresh()
    assert source.fetches == 2


async def test_a_key_that_was_taken_out_is_refused_when_the_set_is_renewed() -> None:
    source = Source(OLD, NEW)
    assert await source.knows(OLD)
    source.publish(NEW)
    source.now += MAX_AGE
    await source.knows(OLD)
    await source.keys.refresh()
    assert not await source.knows(OLD)


async def test_without_any_keys_nobody_is_judged() -> None:
    source = Source(OLD)
    source.up = False
    for _ in range(5):
        with pytest.raises(Unavailable):
            await source.keys.find(OLD.kid)
    assert source.fetches == 1
    source.up = True
    source.now += FIRST_INTERVAL
    assert await source.knows(OLD)


async def test_a_document_that_is_no_key_set_changes_nothing() -> None:
    source = Source(OLD)
    assert await source.knows(OLD)
    for document in (b"", b"<html>", b'{"keys": 1}', json.dumps({"keys": [{"d": "x"}]}).encode()):
        source.document = document
        source.now += MIN_INTERVAL
        assert not await source.knows(NEW)
        assert await source.knows(OLD)
    assert source.fetches == 5


def test_keys_that_are_not_for_us_are_left_out() -> None:
    good = OLD.jwk
    others = [
        good | {"kid": "encryption", "use": "enc"},
        good | {"kid": "another algorithm", "alg": "ES384"},
        good | {"kid": "another curve", "crv": "P-384"},
        good | {"kid": "not on the curve", "x": NEW.jwk["x"]},
        {"kid": "a secret", "kty": "oct", "k": "c2VjcmV0"},
        {name: instance for name, instance in good.items() if name != "kid"},
    ]
    document = json.dumps({"keys": [*others, good]}).encode()
    assert set(parse(document)) == {OLD.kid}


def test_a_file_must_have_a_key_and_no_private_one(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(OLD.jwks)
    demand_usable(str(path))
    for document in ('{"keys": []}', "no JSON", json.dumps({"keys": [OLD.jwk | {"d": "x"}]})):
        path.write_text(document)
        with pytest.raises(ValueError, match="it "):
            demand_usable(str(path))
    with pytest.raises(OSError, match="No such file"):
        demand_usable(str(tmp_path / "nothing"))


@pytest.mark.parametrize("url", ["http://keys.example/jwks", "ftp://keys.example/jwks"])
def test_keys_are_not_fetched_where_anybody_could_exchange_them(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        demand_usable(url)
    demand_usable("https://keys.example/jwks")
    demand_usable("http://127.0.0.1:1/jwks")


@contextmanager
def served(path: Path) -> Iterator[str]:
    """The file at a URL; everything else redirects there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/jwks" else 302)
            self.send_header("Location", "/jwks")
            self.end_headers()
            self.wfile.write(path.read_bytes() if self.path == "/jwks" else b"")

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_keys_come_from_a_url_or_a_file_and_follow_no_redirect(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(OLD.jwks)
    with served(path) as url:
        for source in (str(path), f"{url}/jwks"):
            async with open_keys(source) as keys:
                assert await keys.find(OLD.kid) is not None
                assert await keys.find(NEW.kid) is None
        async with open_keys(f"{url}/elsewhere") as keys:
            with pytest.raises(Unavailable):
                await keys.find(OLD.kid)
