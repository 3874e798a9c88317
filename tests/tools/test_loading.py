from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from phoneagent.core.agents import Agent
from phoneagent.tools import Call, load_tools

BOOKING = '''
from __future__ import annotations
from dataclasses import dataclass
from phoneagent.tools import Call, tool

@dataclass
class Table:
    people: int

@tool
def book_table(people: int, call: Call) -> Table:
    """Book a table."""
    return Table(people)
'''


def test_each_file_gives_its_tools(tmp_path: Path):
    (tmp_path / "booking.py").write_text(BOOKING)
    (tmp_path / "_helpers.py").write_text("1/0")
    loaded = load_tools(tmp_path)
    assert loaded.problems == ()
    assert list(loaded.tools) == ["book_table"]
    call = Call("CA1", "", "", Agent("ada"), "key")
    assert loaded.tools["book_table"].call('{"people": 3}', call).people == 3


def test_no_folder_no_tools(tmp_path: Path):
    assert load_tools(tmp_path / "tools") == ({}, ())


def test_a_file_that_fails_is_a_problem_in_its_line_and_the_others_are_loaded(tmp_path: Path):
    (tmp_path / "booking.py").write_text(BOOKING)
    (tmp_path / "crash.py").write_text("\n\n1 / 0\n")
    (tmp_path / "exit.py").write_text("import sys\nsys.exit(3)\n")
    (tmp_path / "missing.py").write_text("import no_such_module_here\n")
    (tmp_path / "syntax.py").write_text("\ndef book(:\n")
    (tmp_path / "odd.py").write_text(
        "from phoneagent.tools import tool\n\nclass Odd: ...\n\n@tool\ndef odd(odd: Odd) -> None:\n    'Odd.'\n"
    )
    (tmp_path / "untold.py").write_text(
        "from phoneagent.tools import tool\n\n@tool\ndef untold(people: int) -> None: ...\n"
    )
    loaded = load_tools(tmp_path)
    assert list(loaded.tools) == ["book_table"]
    assert [str(problem).removeprefix(f"{tmp_path.as_posix()}/") for problem in loaded.problems] == [
        "crash.py:3: can't be imported: ZeroDivisionError: division by zero",
        "exit.py:2: can't be imported: SystemExit: 3",
        "missing.py:1: can't be imported: ModuleNotFoundError: No module named 'no_such_module_here'",
        "odd.py:5: can't be imported: odd: "
        "Unable to generate pydantic-core schema for <class 'phoneagent_tools_odd.Odd'>",
        "syntax.py:2: can't be imported: syntax error, invalid syntax",
        "untold.py:3: can't be imported: untold: a tool needs a docstring, it is what the model is told",
    ]


def test_a_name_that_is_taken_is_a_problem_that_names_both(tmp_path: Path):
    (tmp_path / "a.py").write_text(BOOKING)
    (tmp_path / "b.py").write_text(BOOKING)
    (tmp_path / "c.py").write_text(BOOKING.replace("book_table", "end_call"))
    loaded = load_tools(tmp_path)
    assert list(loaded.tools) == ["book_table"]
    assert loaded.tools["book_table"].function.__module__ == "phoneagent_tools_a"
    assert [str(problem).replace(f"{tmp_path.as_posix()}/", "") for problem in loaded.problems] == [
        "b.py:10: the tool 'book_table' is already in a.py",
        "c.py:10: the tool 'end_call' is already in phoneagent itself",
    ]


def test_a_second_lookup_of_callers_is_a_problem(tmp_path: Path):
    hook = "from phoneagent.tools import Call, caller_lookup\n@caller_lookup\ndef who(call: Call): return 'Eve'\n"
    (tmp_path / "a.py").write_text(hook)
    (tmp_path / "b.py").write_text(hook)
    loaded = load_tools(tmp_path)
    assert list(loaded.tools) == ["look_up_caller"]
    assert [problem.message for problem in loaded.problems] == [
        f"the tool 'look_up_caller' is already in {tmp_path.as_posix()}/a.py"
    ]


def test_what_is_installed_joins_the_tools_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder, site = tmp_path / "tools", tmp_path / "site"
    folder.mkdir()
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    (folder / "booking.py").write_text(BOOKING)
    (site / "weather_tools.py").write_text(BOOKING.replace("book_table", "forecast"))
    (site / "taken_tools.py").write_text(BOOKING)
    installed = [
        EntryPoint("weather", "weather_tools", "phoneagent.tools"),
        EntryPoint("again", "weather_tools:forecast", "phoneagent.tools"),
        EntryPoint("taken", "taken_tools:book_table", "phoneagent.tools"),
        EntryPoint("odd", "weather_tools:BOOKED", "phoneagent.tools"),
        EntryPoint("number", "weather_tools:__name__", "phoneagent.tools"),
        EntryPoint("gone", "no_such_module_here", "phoneagent.tools"),
    ]
    loaded = load_tools(folder, installed)
    assert list(loaded.tools) == ["book_table", "forecast"]
    assert [str(problem).replace(f"{folder.as_posix()}/", "") for problem in loaded.problems] == [
        "entry point taken = taken_tools:book_table: the tool 'book_table' is already in booking.py",
        "entry point odd = weather_tools:BOOKED: can't be imported: "
        "AttributeError: module 'weather_tools' has no attribute 'BOOKED'",
        "entry point number = weather_tools:__name__: is neither a module nor a tool",
        "entry point gone = no_such_module_here: can't be imported: "
        "ModuleNotFoundError: No module named 'no_such_module_here'",
    ]
