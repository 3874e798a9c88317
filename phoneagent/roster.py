"""The agents of the settings, with their tools: read, checked, and got ready."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from phoneagent.agents.crosschecks import Finding
from phoneagent.agents.directory import AgentDirectory
from phoneagent.core.agents import Agent
from phoneagent.core.problems import FileProblem
from phoneagent.settings import Settings
from phoneagent.tools import Toolbox, Workers, load_tools
from phoneagent.tools.http import HttpTools
from phoneagent.tools.http_request import problems as http_problems
from phoneagent.tools.json_schema import problems as schema_problems
from phoneagent.tools.mcp import McpServers
from phoneagent.tools.mcp import problems as mcp_problems


@dataclass(frozen=True, slots=True)
class Agents:
    """The agents of the settings' folder, their tools, and what is wrong with the tools' files.

    `mcp` are the servers of tools that the agents name; they are not asked before `get_ready` is.
    """

    directory: AgentDirectory
    toolbox: Toolbox
    mcp: McpServers
    problems: tuple[FileProblem, ...]
    _reloaded: asyncio.Event

    async def get_ready(self) -> None:
        """Have at hand what no call is to wait for: the tools of MCP servers, and hold music."""
        from phoneagent.calls.music import music_or_built_in

        agents = tuple(self.directory.agents.values())
        await self.mcp.refresh(agents)
        for path in {agent.hold_music for agent in agents}:
            await asyncio.to_thread(music_or_built_in, path)

    async def keep_ready(self) -> None:
        """Do so whenever agent files were read again. Never ends."""
        from phoneagent.store.carrying_on import carrying_on

        while True:
            await self._reloaded.wait()
            self._reloaded.clear()
            with carrying_on("getting ready"):
                await self.get_ready()


def read_agents(settings: Settings) -> Agents:
    """Read the agent files, and the tools beside their folder."""
    secrets = dict(settings.tool_secrets)
    folder = settings.agents.absolute().parent / "tools"
    tools, problems = load_tools(folder)
    workers = Workers(folder, tools, count=settings.tool_workers, memory_mb=settings.tool_memory_mb)
    mcp = McpServers(secrets)
    toolbox = Toolbox(workers.tools, workers=workers, http=HttpTools(secrets), mcp=mcp)
    reloaded = asyncio.Event()
    directory = AgentDirectory(
        settings.agents,
        region=settings.region,
        tools=toolbox.names,
        secrets=secrets.keys(),
        check=partial(_findings, summaries=settings.after_call_model is not None),
        on_reload=reloaded.set,
    )
    return Agents(directory, toolbox, mcp, problems, reloaded)


def _findings(agent: Agent, *, summaries: bool) -> Iterator[Finding]:
    """What is wrong with an agent beyond the form of its file. `summaries`: whether there is a model for them."""
    for name, declared in agent.http_tools.items():
        yield from (Finding(("tools", name, "http"), problem) for problem in http_problems(declared))
    for name, server in agent.mcp.items():
        yield from (Finding(("mcp", name), problem) for problem in mcp_problems(server))
    if agent.after_call.extract is not None:
        yield from (
            Finding(("after_call", "extract"), problem) for problem in schema_problems(agent.after_call.extract)
        )
    if agent.after_call.wanted and not summaries:
        yield Finding(("after_call",), "is skipped as long as PHONEAGENT_AFTER_CALL_MODEL is not set", "warning")
