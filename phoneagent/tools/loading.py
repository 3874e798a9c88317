"""Reading a folder of tools."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from phoneagent.core.problems import FileProblem
from phoneagent.tools.builtin import BUILTIN
from phoneagent.tools.function import Tool


class LoadedTools(NamedTuple):
    """The tools of a folder by name, and what is wrong with its files."""

    tools: dict[str, Tool]
    problems: tuple[FileProblem, ...]


def load_tools(folder: Path) -> LoadedTools:
    """Import each `*.py` of the folder as a module of its own; names with _ or . in front are left out.

    This runs the files. One that fails is a problem, not an exception, and so is a name that is taken. A folder
    that isn't there has no tools.
    """
    tools: dict[str, Tool] = {}
    origins: dict[str, str] = dict.fromkeys(BUILTIN, "phoneagent itself")
    problems: list[FileProblem] = []
    for path in sorted(folder.glob("*.py")):
        if path.name.startswith(("_", ".")):
            continue
        file = path.as_posix()
        try:
            module = _import(path)
        except (Exception, SystemExit) as error:
            problems.append(FileProblem(file, _line(error, path), 0, f"can't be imported: {_reason(error)}"))
            continue
        for found in vars(module).values():
            if not isinstance(found, Tool) or found.function.__module__ != module.__name__:
                continue  # a tool that this file imports is that other file's
            name = found.spec.name
            if name in origins and tools.get(name) is not found:
                line = found.function.__code__.co_firstlineno
                problems.append(FileProblem(file, line, 0, f"the tool {name!r} is already in {origins[name]}"))
                continue
            tools[name] = found
            origins[name] = file
    return LoadedTools(tools, tuple(problems))


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
    return f"{type(error).__name__}: {error}"
