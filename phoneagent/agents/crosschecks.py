"""What must fit together in an agent file, and what is of no use: told when each part of it is all right by itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from phoneagent.core import models
from phoneagent.core.agents import Agent
from phoneagent.core.secrets import UnknownSecretError, secrets_in

KeyPath = tuple[str | int, ...]

_DEFAULT = Agent(name="")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at `path` of the front matter. A tool's options are found by its name: ("tools", name, …)."""

    path: KeyPath
    message: str
    severity: Literal["error", "warning"] = "error"


def cross_check(agent: Agent, secrets: Collection[str] | None, today: date) -> Iterator[Finding]:
    """The findings of one agent, whatever others there are. `secrets` are the names of those that there are."""
    yield from _tools(agent)
    if secrets is not None:
        yield from _secrets(agent, secrets)
    for path, model in ((("model",), agent.model), (("transcription", "model"), agent.transcription.model)):
        notice = models.shut_down_notice(model, today) if model else None
        if notice:
            yield Finding(path, notice, "warning")
    if agent.after_call.prompt and not agent.after_call.summary:
        yield Finding(("after_call", "prompt"), "is of no use without summary: true", "warning")
    if agent.apology == _DEFAULT.apology and not agent.language.startswith("en"):
        spoken = f"the apology is spoken by the carrier and in English: write one in {agent.language}"
        yield Finding(("language",), spoken, "warning")


def _tools(agent: Agent) -> Iterator[Finding]:
    tools = agent.tools
    if "transfer_call" in tools and not agent.transfer:
        yield Finding(("tools", "transfer_call"), "needs `transfer`: the names and numbers of those to transfer to")
    if "transfer_call" not in tools and agent.transfer:
        yield Finding(("transfer",), "is of no use without the tool transfer_call", "warning")
    if "hand_over" in tools and not agent.handoff:
        yield Finding(("tools", "hand_over"), "needs `handoff`: the names of the agents that may take over")
    if "recording_consent" in tools and agent.recording.mode != "ask":
        yield Finding(("tools", "recording_consent"), "needs `recording: ask`, which adds it")
    if "send_sms" not in tools and (agent.sms.numbers or agent.sms.templates):
        yield Finding(("sms",), "is of no use without the tool send_sms", "warning")


def _secrets(agent: Agent, secrets: Collection[str]) -> Iterator[Finding]:
    places: list[tuple[KeyPath, Mapping[str, Any]]] = [
        (("tools", name, "http", "headers"), tool.headers) for name, tool in agent.http_tools.items()
    ]
    for name, server in agent.mcp.items():
        places += [(("mcp", name, "headers"), server.headers), (("mcp", name, "env"), server.env)]
    for path, texts in places:
        for key, text in texts.items():
            for secret in secrets_in(text):
                if secret not in secrets:
                    yield Finding((*path, key), str(UnknownSecretError(secret)))
