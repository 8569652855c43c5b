"""Follows a page for authors: writes its files, makes its changes and runs its commands, in order.

A `python` block begins with the name of the file that it is, a `diff` block with `--- ` and the
file that it changes. The parts of a change are divided by `@@`; each stands in the file once.
"""

from collections.abc import Iterator
from pathlib import Path

from tests.docs.markdown import FENCED
from tests.support.code_copy import run_in

PROOF = "-m pytest "


def follow(page: Path, tree: Path, below: str = "") -> list[str]:
    """Do all that the page says below a heading, in a copy of the code.

    AssertionError if something cannot be done. Its runs of pytest are left to the caller, who has
    them one after the other: shell commands, whole.
    """
    exported, proofs = "", list[str]()
    for language, text in blocks(page, below):
        first, _, rest = text.partition("\n")
        if language == "python" and first.startswith("# "):
            path = tree / first.removeprefix("# ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(rest)
        elif language == "diff":
            change(tree / first.removeprefix("--- "), rest)
        elif language == "sh":
            lines = text.splitlines(keepends=True)
            proofs += [exported + line for line in lines if PROOF in line]
            run_shell(tree, exported + "".join(line for line in lines if PROOF not in line))
            if text.startswith("export "):
                exported += text
    return proofs


def run_shell(tree: Path, commands: str) -> None:
    """Run commands of a page. AssertionError if one fails."""
    ran = run_in(tree, "bash", "-euo", "pipefail", "-c", commands)
    assert ran.returncode == 0, f"{commands}\n{ran.stdout}\n{ran.stderr}"


def blocks(page: Path, below: str = "") -> Iterator[tuple[str, str]]:
    """Language and text of each fenced block below a heading."""
    _, heading, text = page.read_text().partition(below) if below else ("", "", page.read_text())
    assert heading == below, f"{page.name} has no {below}"
    for fence in FENCED.finditer(text):
        yield fence[1], fence[2]


def change(path: Path, parts: str) -> None:
    """Make the changes of a `diff` block."""
    text = path.read_text()
    for part in parts.split("@@\n"):
        lines = part.splitlines()
        before = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "+")
        after = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "-")
        assert f"\n{text}".count(f"\n{before}") == 1, f"{path.name} has not one:\n{before}"
        text = f"\n{text}".replace(f"\n{before}", f"\n{after}", 1)[1:]
    path.write_text(text)
