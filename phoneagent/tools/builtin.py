# No `from __future__ import annotations`: types of parameters are made of what the agent's file declares.
"""The tools that every agent may name without anybody writing them. They run in the service and act upon the call."""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import Field

from phoneagent.core.agents import Agent, Filler, ToolPolicy
from phoneagent.tools.control import CallControl, ControlError, HandOver
from phoneagent.tools.function import Call, Tool, ToolError, tool_of

_MUSIC_AFTER_MS = 2000


class _Control:
    """The control of a call; what can't be done is told to the model in the words of the ControlError."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def __enter__(self) -> CallControl:
        if self._call.control is None:
            raise ToolError("This is not possible on this call.")
        return self._call.control

    def __exit__(self, kind: Any, error: BaseException | None, frames: Any) -> None:
        if isinstance(error, ControlError):
            raise ToolError(str(error), ran=error.ran) from error


def _end_call() -> Tool:
    def end_call() -> None:
        """End the phone call. Use it when the caller says goodbye, or wants nothing more.

        Say a short goodbye first, in the same turn as this call: the line is closed as soon as the caller has heard
        your last word. Do not use it right after a question, or because the caller is silent.
        """  # the bridge ends the call

    return tool_of(end_call, ToolPolicy())


def _wait() -> Tool:
    def wait() -> None:
        """Say nothing this turn. Use it when the caller asks you to hold on, or speaks to somebody else."""

    return tool_of(wait, ToolPolicy(silent=True))


def _take_message() -> Tool:
    async def take_message(
        text: Annotated[str, Field(min_length=1, max_length=2000, description="the message, in full")],
        call: Call,
        callback_number: Annotated[
            str | None, Field(pattern=r"^\+?[0-9][0-9 ]{2,24}$", description="the number to call back")
        ] = None,
    ) -> None:
        """Take a message for the people you work for. Call it only after the caller has confirmed it."""
        with _Control(call) as control:
            await control.take_message(text, callback_number)

    return tool_of(take_message, ToolPolicy(side_effects=True))


def _send_digits() -> Tool:
    async def send_digits(
        digits: Annotated[
            str, Field(pattern=r"^[0-9*#A-Dw]{1,64}$", description="0-9, *, #, A-D, and w to wait half a second")
        ],
        call: Call,
    ) -> None:
        """Press keys on the telephone, for a menu at the other end."""
        with _Control(call) as control:
            await control.send_digits(digits)

    return tool_of(send_digits, ToolPolicy(after_speech=True))


@lru_cache
def _transfer_call(names: tuple[str, ...]) -> Tool:
    async def transfer_call(
        to: Annotated[Literal[names], Field(description="to whom")],  # type: ignore[valid-type]
        briefing: Annotated[
            str, Field(min_length=1, max_length=500, description="one sentence on who calls and why, for whom you call")
        ],
        call: Call,
    ) -> str:
        """Connect the caller with somebody. Tell the caller first.

        If it returns, the caller is back with you: it says why. Tell the caller, and offer to take a message.
        """
        with _Control(call) as control:
            return await control.transfer(to, briefing)

    # ringing and talking take as long as they take; the transfer has time-outs of its own
    policy = ToolPolicy(timeout_s=math.inf, while_running=Filler(None, _MUSIC_AFTER_MS), after_speech=True)
    return tool_of(transfer_call, policy)


_SMS = ToolPolicy(side_effects=True, after_speech=True)


@lru_cache
def _send_sms(names: tuple[str, ...]) -> Tool:
    async def send_sms(
        to: Annotated[Literal["caller", *names], Field(description="to whom")],  # type: ignore[valid-type]
        text: Annotated[str, Field(min_length=1, max_length=1000, description="what it says")],
        call: Call,
    ) -> None:
        """Send a text message. Tell the caller what you will send, and to whom, before you do."""
        with _Control(call) as control:
            await control.send_sms(to, text)

    return tool_of(send_sms, _SMS)


@lru_cache
def _send_template(names: tuple[str, ...], templates: tuple[str, ...]) -> Tool:
    async def send_sms(
        to: Annotated[Literal["caller", *names], Field(description="to whom")],  # type: ignore[valid-type]
        template: Annotated[Literal[templates], Field(description="which text")],  # type: ignore[valid-type]
        call: Call,
    ) -> None:
        """Send one of the prepared text messages. Tell the caller what you will send before you do."""
        with _Control(call) as control:
            await control.send_sms(to, call.agent.sms.templates[template])

    return tool_of(send_sms, _SMS)


@lru_cache
def _hand_over(names: tuple[str, ...]) -> Tool:
    async def hand_over(
        to: Annotated[Literal[names], Field(description="who takes over")],  # type: ignore[valid-type]
        reason: Annotated[str, Field(min_length=1, max_length=500, description="why, in one sentence")],
        call: Call,
    ) -> HandOver:
        """Hand the conversation over to a colleague, who knows all that was said. Tell the caller first."""
        with _Control(call) as control:
            return HandOver(control.agent(to))

    return tool_of(hand_over, ToolPolicy(after_speech=True))


def _recording_consent() -> Tool:
    def recording_consent(given: Annotated[bool, Field(description="whether they agree")]) -> None:
        """Pass on whether the caller agrees that this call is recorded.

        Call it without a word as soon as they have answered that question, and later should they no longer agree. Only
        a clear yes is one.
        """  # the bridge takes note of it

    return tool_of(recording_consent, ToolPolicy())


def _always(tool: Tool) -> Callable[[Agent], Tool]:
    return lambda agent: tool


def _sms_of(agent: Agent) -> Tool:
    names, templates = tuple(agent.sms.numbers), tuple(agent.sms.templates)
    return _send_template(names, templates) if templates else _send_sms(names)


_CONSENT = _recording_consent()

BUILTIN: dict[str, Callable[[Agent], Tool | None]] = {
    "end_call": _always(_end_call()),
    "transfer_call": lambda agent: _transfer_call(tuple(agent.transfer)) if agent.transfer else None,
    "send_digits": _always(_send_digits()),
    "send_sms": _sms_of,
    "take_message": _always(_take_message()),
    "wait": _always(_wait()),
    "recording_consent": lambda agent: _CONSENT if agent.recording.mode == "ask" else None,
    "hand_over": lambda agent: _hand_over(agent.handoff) if agent.handoff else None,
}
"""The tool of each name as an agent has it; None if its file lacks what the tool needs."""
