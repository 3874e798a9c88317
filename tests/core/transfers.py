"""Callers who are being transferred."""

from __future__ import annotations

from math import inf

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import Filler

from .calls import QUIET, Agent, TestCall, ToolPolicy

TRANSFER = ToolPolicy(timeout_s=inf, after_speech=True, while_running=Filler(None, after_ms=2000))
NOTE = "Nobody answered. The caller is back."
TOLD = do.AddMessage("system", NOTE)
BACK = on.StreamStarted()


def transferring(agent: Agent = QUIET) -> TestCall:
    """The agent has said so and called the tool, and the caller is gone from the stream."""
    call = TestCall(agent, transfer_call=TRANSFER)
    call.responds()
    call.says(1.0, text="I'll put you through.")
    call.calls_tool("transfer_call", arguments='{"to": "reception"}')
    call.response_ends()
    call.plays(1.0)
    assert call.leaves() == ()
    return call


def connected(agent: Agent = QUIET) -> TestCall:
    call = transferring(agent)
    assert call.happens(on.CallerConnected("reception")) == (do.CloseSession(),)
    return call
