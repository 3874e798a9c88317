"""The source tree as the house rules see it."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "phoneagent"


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All of a file's syntax tree. Several rules look at it, and parsing takes its time."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def where(path: Path, node: ast.stmt | ast.expr) -> str:
    return f"{path.relative_to(ROOT)}:{node.lineno}"


def imports(path: Path) -> Iterator[tuple[ast.stmt, str]]:
    """Every import of a file with the full name of what is imported, also inside functions."""
    package = path.relative_to(ROOT).parent.parts
    for node in nodes(path):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield node, alias.name
            case ast.ImportFrom(module=module, names=names, level=level):
                base = ".".join([*package[: len(package) - level + 1], module or ""]).strip(".") if level else module
                for alias in names:
                    yield node, f"{base}.{alias.name}"


def tracked() -> list[Path]:
    """The files in the repository; those that are about to be added count too."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]
