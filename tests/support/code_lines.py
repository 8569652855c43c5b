"""Counts lines of code: those that are neither blank, nor comment, nor docstring.

`python -m tests.support.code_lines` counts the kernel: the modules of `saga/`, its `stretch/`
and `waiting/`.
Its other packages have no part in running a saga: they look at it, draw it, or are its services'.
"""

import ast
import io
import sys
import tokenize
from pathlib import Path

KERNEL = Path(__file__).parents[2] / "saga"
SILENT = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE),
    *(tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER),
}


def code_lines(source: str) -> int:
    """How many lines of a module are code."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    spoken = [token for token in tokens if token.type not in SILENT]
    lines = {line for item in spoken for line in range(item.start[0], item.end[0] + 1)}
    return len(lines - docstrings(source))


def docstrings(source: str) -> set[int]:
    """The lines of all docstrings of a module."""
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    lines: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, owners) and ast.get_docstring(node, clean=False) is not None:
            first = node.body[0]
            lines.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return lines


PARTS = ("stretch", "waiting")


def kernel() -> dict[str, int]:
    """The kernel's lines of code, by file; the engine's commands are not of it."""
    files = [file for part in (".", *PARTS) for file in sorted((KERNEL / part).glob("*.py"))]
    counted = (file for file in files if file.name != "__main__.py")
    return {str(file.relative_to(KERNEL)): code_lines(file.read_text()) for file in counted}


if __name__ == "__main__":
    for name, lines in kernel().items():
        sys.stdout.write(f"{lines:5} saga/{name}\n")
    sys.stdout.write(f"{sum(kernel().values()):5} lines of code\n")
