"""Lays out what `make docs` builds a site of: the documents, and every file that they link to.

They lie in `.build/handbook/pages/` as in the repository, so that links between them are the same.
The order of pages is that of the indexes: `docs/README.md`, and those of runbooks and decisions.
"""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = ROOT / ".build/handbook"
MORE = ("saga/README.md", "examples/travel/README.md")
LINK = re.compile(r"\[([^]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
CONFIGURATION = """\
[project]
site_name = "Order saga"
docs_dir = "pages"
site_dir = "site"
nav = {nav}

[project.theme]
font = false
features = ["navigation.indexes", "navigation.top", "content.code.copy", "search.highlight"]

[[project.theme.palette]]
media = "(prefers-color-scheme: light)"
scheme = "default"

[[project.theme.palette]]
media = "(prefers-color-scheme: dark)"
scheme = "slate"

[project.markdown_extensions]
tables = {{}}
toc.permalink = true
pymdownx.highlight.pygments_lang_class = true
pymdownx.superfences = {{}}

# A code or a setting is one word, with its underscores.
[project.plugins.search]
separator = '[\\s\\-,:!=\\[\\]()"`/]+|\\.(?!\\d)'

[project.validation]
invalid_links = true
invalid_link_anchors = true
unresolved_references = true
"""

Entry = tuple[str, str]  # a page's title and its path


def documents() -> list[Path]:
    """All of them, as `tests.docs` reads them."""
    ours = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    return sorted([*ours, *(ROOT / name for name in MORE)])


def lay_out(folder: Path = BUILD) -> None:
    """Copy everything, and write the site's configuration beside it."""
    shutil.rmtree(folder / "pages", ignore_errors=True)
    for path in {*documents(), *_list_linked_files()}:
        target = folder / "pages" / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    (folder / "zensical.toml").write_text(CONFIGURATION.format(nav=_toml(navigation())))


def _list_linked_files() -> Iterator[Path]:
    """The files of ours, other than pages, to which documents link."""
    for document in documents():
        for _, link, _ in LINK.findall(document.read_text()):
            target = (document.parent / link).resolve()
            if target.is_file() and target.is_relative_to(ROOT):
                yield target


def navigation() -> list[tuple[str, list[Entry]]]:
    """The sections of the index of pages, then all runbooks and all decisions."""
    index = ROOT / "docs/README.md"
    parts = SECTION.split(index.read_text())[1:]
    titled = zip(parts[::2], parts[1::2], strict=True)
    sections = [(title, _entries(index, text)) for title, text in titled]
    runbooks, decisions = ROOT / "docs/runbooks/README.md", ROOT / "docs/adr/README.md"
    sections.append(("Runbooks", _entries(runbooks, runbooks.read_text())))
    sections.append(
        ("Decisions", [_make_entry(path) for path in sorted(decisions.parent.glob("[0-9]*"))])
    )
    return sections


def _entries(index: Path, text: str) -> list[Entry]:
    """The pages that a part of an index links to, each once, under the names that it gives them."""
    found: dict[str, str] = {}
    for title, link, anchor in LINK.findall(text):
        path = (index.parent / link).resolve()
        if path.suffix == ".md" and path.is_file() and not anchor:
            found.setdefault(str(path.relative_to(ROOT)), title)
    return [(title, path) for path, title in found.items()]


def _make_entry(page: Path) -> Entry:
    return page.read_text().splitlines()[0].removeprefix("# "), str(page.relative_to(ROOT))


def _toml(sections: list[tuple[str, list[Entry]]]) -> str:
    lines = ["[", '  { "Order saga" = "README.md" },', '  { "All pages" = "docs/README.md" },']
    for title, entries in sections:
        pages = ", ".join(
            f"{{ {json.dumps(name)} = {json.dumps(path)} }}" for name, path in entries
        )
        lines.append(f"  {{ {json.dumps(title)} = [{pages}] }},")
    return "\n".join([*lines, "]"])


if __name__ == "__main__":
    lay_out()
