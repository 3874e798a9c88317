from __future__ import annotations

from rich.console import Console

from phoneagent.agents.check import describe
from phoneagent.core.problems import FileProblem
from tests.agents.folder import Folder


def test_check_shows_who_answers_what_and_every_problem(folder: Folder):
    folder.write("ada", 'numbers: ["+15550100"]')
    folder.write("bob", 'numbers: ["*"]\nmodel: gpt-realtime')
    folder.write("eve", "tools: []")
    folder.write("joe", "speed: 9")
    console = Console(width=200)
    with console.capture() as capture:
        console.print(describe(folder.open(), [FileProblem("tools/a.py", 3, 0, "can't be imported")]), soft_wrap=True)
    lines = [line.rstrip() for line in capture.get().replace(f"{folder.path.as_posix()}/", "").splitlines()]
    assert [line.split()[:3] for line in lines[1:4]] == [
        ["+15550100", "ada", "gpt-realtime-2.1"],
        ["(by", "name", "only)"],
        ["every", "other", "bob"],
    ]
    assert lines[5:] == [
        "bob.md:3:8: warning: model: gpt-realtime will be shut down on 2027-01-20, in 60 days; use gpt-realtime-2.1",
        "joe.md:2:8: speed: must be less than or equal to 1.5, got 9",
        "tools/a.py:3: can't be imported",
        "2 errors. 1 warning.",
    ]


def test_check_shows_where_a_call_may_go(folder: Folder):
    folder.write("billing")
    folder.write(
        "ada",
        """
        numbers: ["+15550100"]
        tools: [transfer_call]
        transfer: {reception: "+15550111", owner: "+15550112"}
        handoff: [billing]
        mcp:
          crm: {url: "https://crm.example.com/mcp", tools: [find_customer]}
          files: {command: [file-server]}
        """,
    )
    console = Console(width=300)
    with console.capture() as capture:
        console.print(describe(folder.open()), soft_wrap=True)
    [ada] = [line for line in capture.get().splitlines() if " ada " in line]
    assert "transfer_call (reception, owner), hand_over (billing), crm: find_customer, files: all that it has  " in ada
