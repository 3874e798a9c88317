"""Finding tools: in a folder of files, and among what is installed."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from phoneagent.core.problems import FileProblem
from phoneagent.tools.builtin import BUILTIN
from phoneagent.tools.function import LocalTool, Tool, ToolError
from phoneagent.tools.langchain import is_langchain, langchain_tool

ENTRY_POINTS = "phoneagent.tools"


class LoadedTools(NamedTuple):
    """The tools that were found, by name, and what is wrong with where they were looked for."""

    tools: dict[str, LocalTool]
    problems: tuple[FileProblem, ...]


class _Found(NamedTuple):
    """Something that is a tool or can become one, and where it is."""

    value: object
    file: str
    line: int = 0


def load_tools(folder: Path, installed: Iterable[EntryPoint] | None = None) -> LoadedTools:
    """Import each `*.py` of the folder as a module of its own; names with _ or . in front are left out.

    The tools of `installed` packages (None: the entry points of the group "phoneagent.tools") join them: each entry is
    a tool or a module of tools. This runs the files. One that fails is a problem, not an exception, and so is a name
    that is taken. A folder that isn't there has no tools.
    """
    tools: dict[str, LocalTool] = {}
    origins: dict[str, tuple[str, object]] = dict.fromkeys(BUILTIN, ("phoneagent itself", None))
    problems: list[FileProblem] = []
    for found in _found(folder, entry_points(group=ENTRY_POINTS) if installed is None else installed):
        if isinstance(found, FileProblem):
            problems.append(found)
            continue
        try:
            tool = found.value if isinstance(found.value, Tool) else langchain_tool(found.value)
        except ToolError as error:
            problems.append(FileProblem(found.file, found.line, 0, str(error)))
            continue
        name = tool.spec.name
        origin, value = origins.setdefault(name, (found.file, found.value))
        if value is found.value:
            tools[name] = tool
        else:
            problems.append(FileProblem(found.file, found.line, 0, f"the tool {name!r} is already in {origin}"))
    return LoadedTools(tools, tuple(problems))


def _found(folder: Path, installed: Iterable[EntryPoint]) -> Iterator[_Found | FileProblem]:
    for path in sorted(folder.glob("*.py")):
        if path.name.startswith(("_", ".")):
            continue
        file = path.as_posix()
        try:
            module = _import(path)
        except (Exception, SystemExit) as error:
            yield FileProblem(file, _line(error, path), 0, f"can't be imported: {_reason(error)}")
        else:
            yield from _tools_of(module, file)
    for entry in installed:
        place = f"entry point {entry.name} = {entry.value}"
        try:
            loaded = entry.load()
        except (Exception, SystemExit) as error:
            yield FileProblem(place, 0, 0, f"can't be imported: {_reason(error)}")
            continue
        if isinstance(loaded, ModuleType):
            yield from _tools_of(loaded, place)
        elif isinstance(loaded, Tool) or is_langchain(loaded):
            yield _Found(loaded, place)
        else:
            yield FileProblem(place, 0, 0, "is neither a module nor a tool")


def _tools_of(module: ModuleType, file: str) -> Iterator[_Found]:
    for value in vars(module).values():
        if isinstance(value, Tool):
            if value.function.__module__ == module.__name__:  # one that is imported is that other file's
                yield _Found(value, file, value.function.__code__.co_firstlineno)
        elif is_langchain(value):
            yield _Found(value, file)


def _import(path: Path) -> ModuleType:
    name = f"phoneagent_tools_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and type hints look themselves up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _line(error: BaseException, path: Path) -> int:
    """The last line of this file that took part in the failure; 0 if there is none."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno or 0
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 0 for frame in reversed(frames) if frame.filename == str(path)), 0)


def _reason(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"syntax error, {error.msg}"
    said = str(error) if isinstance(error, ToolError) else f"{type(error).__name__}: {error}"
    return " ".join(said.split())
