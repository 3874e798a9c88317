"""What `phoneagent check` shows: who answers which number, and everything that is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from phoneagent.agents.directory import AgentDirectory
from phoneagent.agents.numbers import EVERY_NUMBER
from phoneagent.core.agents import Agent
from phoneagent.core.problems import FileProblem


def describe(directory: AgentDirectory, further: Iterable[FileProblem] = ()) -> RenderableType:
    """A table of numbers and agents, and below it the problems, with those of other files (`further`).

    Print it with `soft_wrap=True`, so that a problem stays one line wherever the output goes.
    """
    table = Table(box=None, pad_edge=False)
    for heading in ("number", "agent", "model", "voice", "tools", "version"):
        # in a narrow terminal the tools take more lines, and nothing is cut
        table.add_column(heading, no_wrap=heading != "tools", overflow="fold")
    rows = [(number, agent) for agent in directory.agents.values() for number in agent.numbers or ("",)]
    for number, agent in sorted(rows, key=lambda row: (row[0] in ("", EVERY_NUMBER), row[0], row[1].name)):
        said = {EVERY_NUMBER: "every other", "": "(by name only)"}.get(number, number)
        table.add_row(said, agent.name, agent.model, agent.voice, ", ".join(_tools(agent)), agent.version)
    problems = sorted([*directory.problems, *further])
    lines = [Text(str(problem), style="red" if problem.severity == "error" else "yellow") for problem in problems]
    errors = sum(problem.severity == "error" for problem in problems)
    verdict = _counted(errors, "error") if errors else "No errors."
    if not rows and not problems:
        verdict = f"No agents in {directory.folder.as_posix()}."
    if warnings := len(problems) - errors:
        verdict += f" {_counted(warnings, 'warning')}"
    return Group(table, Text(), *lines, Text(verdict, style="red" if errors else "green"))


def _tools(agent: Agent) -> Iterator[str]:
    """The tools, those that lead to somebody with whom that is, and the servers of further ones."""
    leads_to = {"transfer_call": agent.transfer, "hand_over": agent.handoff}
    for tool in agent.tools:
        yield f"{tool} ({', '.join(leads_to[tool])})" if tool in leads_to else tool
    for server, mcp in agent.mcp.items():
        yield f"{server}: {', '.join(mcp.tools) if mcp.tools else 'all that it has'}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}."
