"""`python -m tests.support.layout`: the rules of names and folders that `make check` holds.

- At most 15 modules lie flat in a folder; tests and migrations apart.
- No function is named by a bare participle (`told`, `held`): a function is a verb phrase.
- No loop variable is called `it`: say what it is.
- The README fits on a screen or three: 150 lines.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

ROOT = Path(__file__).parents[2]
MOST_MODULES = 15
MOST_LINES = 150
APART = {"tests", "versions"}  # folders of tests, and of migrations
IRREGULAR = {
    "been", "begun", "born", "bought", "bound", "broken", "brought", "built",
    "caught", "chosen", "dealt", "done", "drawn", "driven", "fallen", "fed", "felt", "foreseen",
    "forgotten", "found", "frozen", "given", "gone", "got", "grown", "heard", "held", "hidden",
    "hung", "kept", "known", "laid", "led", "left", "lost", "made", "meant", "met", "overtaken",
    "paid", "proven", "redone", "said", "seen", "sent", "shown", "sold", "spent", "spoken",
    "stolen", "stood", "stuck", "taken", "taught", "thought", "thrown", "told", "understood",
    "undone", "withdrawn", "won", "worn", "written",
}  # fmt: skip
NO_PARTICIPLES = {"seed", "feed", "need", "embed", "proceed", "succeed", "exceed", "shed", "speed"}


def find_crowded_folders(root: Path) -> Iterator[str]:
    """Folders with more modules than a reader takes in at once."""
    for folder in sorted({module.parent for module in modules(root)}):
        number = sum(module.name != "__init__.py" for module in folder.glob("*.py"))
        if number > MOST_MODULES and not APART.intersection(folder.relative_to(root).parts):
            yield f"{folder.relative_to(root)}: {number} modules lie flat, at most {MOST_MODULES}"


def find_names(root: Path) -> Iterator[str]:
    """Names that say nothing, or not what is done."""
    for module in modules(root):
        tree = ast.parse(module.read_text())
        place = module.relative_to(root)
        for node in ast.walk(tree):
            if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
                names = [each for each in ast.walk(node.target) if isinstance(each, ast.Name)]
                yield from (
                    f"{place}:{name.lineno}: a loop variable is called it"
                    for name in names
                    if name.id == "it"
                )
            elif not APART.intersection(place.parts) and is_bare_participle(node):
                yield f"{place}:{node.lineno}: a function is named by a participle, not a verb"


def is_bare_participle(node: ast.AST) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Whether it is a function whose whole name is a participle; a property may be one."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    name = node.name.strip("_")
    decorators = " ".join(ast.unparse(decorator) for decorator in node.decorator_list)
    if "property" in decorators:
        return False
    regular = name.endswith("ed") and "_" not in name and name not in NO_PARTICIPLES
    return regular or name in IRREGULAR


def find_long_readme(root: Path) -> Iterator[str]:
    """The README, if it is longer than somebody reads who only wants to know what this is."""
    if (lines := len((root / "README.md").read_text().splitlines())) > MOST_LINES:
        yield f"README.md: {lines} lines, at most {MOST_LINES}"


def modules(root: Path) -> list[Path]:
    """All modules of ours below this folder, migrations included; not those of `.venv` and such."""
    folders = [folder for folder in root.iterdir() if folder.is_dir() and folder.name[0] != "."]
    return [*root.glob("*.py"), *(module for folder in folders for module in folder.rglob("*.py"))]


def main() -> None:
    """Entry point: exit code 1 if a rule is broken, with each place that breaks it."""
    rules = (find_crowded_folders, find_names, find_long_readme)
    if broken := [place for rule in rules for place in rule(ROOT)]:
        sys.exit("\n".join(broken))


if __name__ == "__main__":
    main()
