"""Reads our Markdown files: fenced blocks, links and headings. Knows what we use, no more."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
README = ROOT / "README.md"
TUTORIAL = ROOT / "docs/tutorial.md"
LOCAL_STACK = ROOT / "docs/local-stack.md"
ERRORS = ROOT / "docs/reference/errors.md"
PAYMENT_METHODS = ROOT / "docs/reference/payment-methods.md"
PORTS = ROOT / "docs/reference/ports.md"
INDEX = ROOT / "docs/README.md"
AUTHENTICATION = ROOT / "docs/authentication.md"
OPERATING = ROOT / "docs/operating.md"
RUNBOOKS = ROOT / "docs/runbooks"
DECISIONS = ROOT / "docs/adr"
GATEWAY = ROOT / "docs/gateway.md"
CONSOLE = ROOT / "docs/console.md"
WEBHOOKS = ROOT / "docs/webhooks.md"
METRICS = ROOT / "docs/metrics.md"
TRACING = ROOT / "docs/tracing.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
ARCHITECTURE = ROOT / "ARCHITECTURE.md"

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of shell commands; `shows` are the lines of the `text` block right after it."""

    line: int
    commands: str
    shows: tuple[str, ...] = ()


def shell_blocks(document: Path) -> list[Block]:
    """The document's `sh` blocks, in order."""
    text = document.read_text()
    blocks = []
    for fence, after in pairwise([*FENCED.finditer(text), None]):
        if fence is None or fence[1] != "sh":
            continue
        shown = after and after[1] == "text" and not text[fence.end() : after.start()].strip()
        shows = after[2].splitlines() if after and shown else ()
        line = text.count("\n", 0, fence.start()) + 1
        blocks.append(Block(line, fence[2], tuple(show for show in shows if show.strip())))
    return blocks


def prose(document: Path) -> str:
    """The document without its fenced blocks."""
    return FENCED.sub("", document.read_text())


def links(document: Path) -> list[str]:
    """Targets of all links but those to other sites."""
    return [item for item in LINK.findall(prose(document)) if "://" not in item]


def anchors(document: Path) -> set[str]:
    """What a link may name behind `#`, as GitHub makes it of the headings."""
    kept = (re.sub(r"[^\w\- ]", "", item.lower()) for item in HEADING.findall(prose(document)))
    return {name.strip().replace(" ", "-") for name in kept}


def table_rows(document: Path) -> Iterator[list[str]]:
    """The cells of every row of every table."""
    for line in prose(document).splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def rows_below(page: Path, heading: str) -> list[list[str]]:
    """The cells of the rows of the table below a heading, without its head."""
    section = page.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
