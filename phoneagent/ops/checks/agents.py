"""The agents: their files, their tools, their models."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from phoneagent.core.models import shut_down_notice, speaks_realtime
from phoneagent.core.problems import FileProblem
from phoneagent.ops.examination import Patient, Result, failed, not_checked, ok, warning


async def agent_files(patient: Patient) -> Result:
    """Whether somebody can answer, and no file has a mistake."""
    directory = patient.agents.directory
    if problems := directory.problems:
        return _problems(problems)
    if not directory.agents:
        return failed(f"no agent in {directory.folder.as_posix()}", "write one; docs/agents.md shows how")
    numbers = sum(len(agent.numbers) for agent in directory.agents.values())
    return ok(f"{_counted(len(directory.agents), 'agent')} for {_counted(numbers, 'number')}")


async def tools(patient: Patient) -> Result:
    """Whether the files of tools could be read."""
    if problems := patient.agents.problems:
        return _problems(problems)
    return ok(f"{_counted(len(patient.agents.toolbox.names), 'tool')}, the built-in ones included")


async def mcp_servers(patient: Patient) -> Result:
    """Whether the servers of tools can be reached, and have the tools that the agents' files name."""
    agents = patient.agents.directory.agents.values()
    here = {name for agent in agents for name, server in agent.mcp.items() if server.run_by == "service"}
    if not here:
        return ok("no agent has one that this service calls")
    servers = patient.agents.mcp
    try:
        await servers.refresh(agents)
        problems = servers.problems
    finally:
        await servers.close()
    if problems:
        return failed("; ".join(problems), "see that the server runs, and `mcp` in the agent's file")
    return ok(f"{', '.join(sorted(here))} connected, with all tools that are named")


async def models(patient: Patient) -> Result:
    """Whether the models are for conversations, and go on to exist. What OpenAI has announced till now is in here."""
    if patient.settings.engine != "openai":
        return not_checked(f"the engine is {patient.settings.engine}, where models have other names")
    clock = datetime.fromtimestamp(patient.clock(), UTC)
    agents = patient.agents.directory.agents.values()
    named = {agent.model for agent in agents}
    if silent := sorted(model for model in named if not speaks_realtime(model)):
        return failed(f"{', '.join(silent)} can't hold a conversation", "set `model` to one of the Realtime API")
    named |= {agent.transcription.model for agent in agents if agent.transcription.model}
    notices = [notice for model in sorted(named) if (notice := shut_down_notice(model, clock.date()))]
    if notices:
        judge = failed if any("was shut down" in notice for notice in notices) else warning
        return judge("; ".join(notices), "change the agent's file")
    return ok(f"nothing is announced of {', '.join(sorted(named)) or 'none'}")


def _problems(problems: Iterable[FileProblem]) -> Result:
    errors = [problem for problem in problems if problem.severity == "error"]
    said = "; ".join(str(problem) for problem in errors or problems)
    return (failed if errors else warning)(said, "mend the file; `phoneagent check` shows all")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
