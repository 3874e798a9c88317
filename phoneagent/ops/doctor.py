"""`phoneagent doctor`: what of the whole way from a telephone to the agent works, as far as this machine can tell."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import httpx

from phoneagent.account import twilio_api
from phoneagent.ops.checks import agents, engine, internet, machine, telephone
from phoneagent.ops.examination import Check, Fix, Patient, Result, failed, not_checked
from phoneagent.roster import read_agents
from phoneagent.settings import Settings
from phoneagent.twilio.errors import TwilioError

CHECKS = (
    Check("settings", machine.settings),
    Check("data folder", machine.data_folder),
    Check("disk space", machine.disk_space),
    Check("SQLite", machine.sqlite),
    Check("clock", machine.clock),
    Check("agent files", agents.agent_files),
    Check("tools", agents.tools),
    Check("MCP servers", agents.mcp_servers, timeout_s=30.0),
    Check("models", agents.models),
    Check("model sessions", engine.sessions, timeout_s=60.0),
    Check("service here", internet.service),
    Check("public URL", internet.public_url),
    Check("TLS certificate", internet.certificate),
    Check("webhook signature", internet.signature),
    Check("media stream", internet.media_stream),
    Check("Twilio keys", telephone.keys),
    Check("Twilio account", telephone.account),
    Check("number webhooks", telephone.webhooks),
    Check("round trips", internet.round_trips),
)
"""All checks, in the order in which they are shown. They run at the same time."""

_TIMEOUT_S = 10.0  # of each request


@asynccontextmanager
async def patient(
    settings: Settings, *, ssl_context: ssl.SSLContext | None = None, clock: Callable[[], float] = time.time
) -> AsyncIterator[Patient]:
    """What the checks look at. `ssl_context`: the certificates that are trusted (default: the usual ones)."""
    ssl_context = ssl_context or httpx.create_ssl_context()
    found = await asyncio.to_thread(read_agents, settings)
    account = twilio_api(settings)
    try:
        async with httpx.AsyncClient(verify=ssl_context, timeout=_TIMEOUT_S) as http:
            yield Patient(settings, found, account, http, ssl_context, clock)
    finally:
        if account is not None:
            account.close()


async def examine(patient: Patient, checks: Sequence[Check] = CHECKS) -> AsyncIterator[tuple[Check, Result]]:
    """Run the checks, and give each with its result in their order, as soon as it is there."""
    running = [(check, asyncio.create_task(check.run(patient))) for check in checks]
    try:
        for check, result in running:
            yield check, await result
    finally:
        for _, result in running:
            result.cancel()


async def mended(patient: Patient, check: Check, fix: Fix) -> Result:
    """Mend what a check has found, and what it finds then."""
    try:
        await fix.do()
    except (TwilioError, OSError) as error:
        return failed(f"it could not be mended: {error}", "mend it by hand")
    return await check.run(patient.again())


def unexamined(problems: Sequence[str]) -> list[tuple[Check, Result]]:
    """What there is to say where the settings themselves are wrong."""
    settings, *others = CHECKS
    first = settings, failed("; ".join(problems), "mend the environment or .env, then run this again")
    return [first, *((check, not_checked("the settings are wrong")) for check in others)]
