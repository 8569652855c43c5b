"""`saga console` on a real stack: what it opens or prints, and where its secrets are afterwards."""

from pathlib import Path

import httpx2

from tests.support.stack import Stack


def use(stack: Stack, link: str) -> httpx2.Response:
    """What the sign-in page's script does with the link."""
    page, _, code = link.partition("#code=")
    assert page == f"{stack.api}/console/sign-in"
    with httpx2.Client(base_url=stack.api, headers={"Origin": stack.api}) as http:
        http.get(page).raise_for_status()
        return http.post("/console/sign-in/link", data={"code": code})


def find_files_with(folder: Path, secret: str) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if secret.encode() in path.read_bytes()]


async def test_the_link_is_printed_signs_in_once_and_is_nowhere_on_the_machine(
    stack: Stack,
) -> None:
    done = stack.saga("console", "--print", DISPLAY=":0")
    assert done.returncode == 0, done.stderr
    link = done.stdout.strip()
    assert "signs in once, within 60 s" in done.stderr
    taken = use(stack, link)
    assert taken.status_code == 303
    session = taken.cookies["saga_console"]
    cookie = {"Cookie": f"saga_console={session}"}
    assert httpx2.get(f"{stack.api}/console/session", headers=cookie).status_code == 204
    assert use(stack, link).status_code == 401
    for secret in (link.partition("#code=")[2], session):
        assert find_files_with(stack.state_dir, secret) == []


async def test_the_browser_is_given_the_link(stack: Stack, tmp_path: Path) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}\n')
    browser.chmod(0o700)
    done = stack.saga("console", BROWSER=f"{browser} %s")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "The console opens in your browser."
    assert use(stack, opened.read_text()).status_code == 303


async def test_without_a_browser_the_link_is_printed(stack: Stack) -> None:
    done = stack.saga("console", DISPLAY="", WAYLAND_DISPLAY="", BROWSER="")
    assert done.returncode == 0, done.stderr
    assert use(stack, done.stdout.strip()).status_code == 303
