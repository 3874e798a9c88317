"""Sessions with the models: the one way to know that key, model, voice and audio are accepted."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from phoneagent.core.agents import Agent
from phoneagent.core.errors import Problem
from phoneagent.core.events import Event, SessionEnded, SessionReady
from phoneagent.engine import open_engine
from phoneagent.engines.realtime.session import RealtimeEngine
from phoneagent.ops.examination import Patient, Result, failed, not_checked, ok
from phoneagent.settings import SettingsError

_AT_ONCE = 4

_TO_DO = {
    "invalid_api_key": "check OPENAI_API_KEY, or AZURE_OPENAI_API_KEY",
    "model_not_found": "check `model` in the agent's file, and that this key's project may use it",
    "connect_failed": "check the network, and OPENAI_BASE_URL or AZURE_OPENAI_ENDPOINT",
    "insufficient_quota": "add credit, or raise the budget",
    "format_mismatch": "set PHONEAGENT_REALTIME_FORMAT=pcm",
}


@dataclass(frozen=True, slots=True)
class _Opening:
    agent: str
    problem: Problem | None
    took_ms: float


async def sessions(patient: Patient) -> Result:
    """Open a session for each agent, as its next call would, without its tools, and say nothing in it."""
    agents = patient.agents.directory.agents.values()
    if not agents:
        return not_checked("there is no agent")
    async with AsyncExitStack() as stack:
        try:
            engine = await open_engine(patient.settings, stack)
        except SettingsError as error:
            return failed(str(error), "mend that; docs/local-engine.md tells of the embedded engine")
        turn = asyncio.Semaphore(_AT_ONCE)
        openings = await asyncio.gather(*(_open(engine, agent, turn) for agent in agents))
    refused = [opening for opening in openings if opening.problem]
    if refused:
        said = "; ".join(f"{o.agent}: {o.problem.code}: {o.problem.message}" for o in refused if o.problem)
        to_do = {_TO_DO.get(o.problem.code, "see what it says") for o in refused if o.problem}
        return failed(said, "; ".join(sorted(to_do)))
    slowest = max(opening.took_ms for opening in openings)
    audio = "µ-law" if engine.audio_format == "pcmu" else "24 kHz PCM"
    names = ", ".join(sorted(opening.agent for opening in openings))
    return ok(f"{engine.name} opened one for {names}: {audio} confirmed, in {slowest:.0f} ms at most")


async def _open(engine: RealtimeEngine, agent: Agent, turn: asyncio.Semaphore) -> _Opening:
    agent = replace(agent, tool_choice="auto")  # the tool that it may name is not there
    told: asyncio.Future[Problem | None] = asyncio.get_running_loop().create_future()

    def receive(event: Event) -> None:
        if not told.done() and isinstance(event, SessionReady | SessionEnded):
            told.set_result(event.problem if isinstance(event, SessionEnded) else None)

    async with turn:
        began = time.perf_counter()
        session = engine.open(agent, agent.prompt, (), receive)
        try:
            problem = await told
        finally:
            session.close()
    return _Opening(agent.name, problem, (time.perf_counter() - began) * 1000)
