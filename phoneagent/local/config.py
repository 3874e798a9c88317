"""What the embedded engine is made of, in one value."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

import httpx


@dataclass(frozen=True, slots=True)
class Server:
    """A server with OpenAI's HTTP interface. `url` is its base, such as `http://127.0.0.1:11434/v1`."""

    url: str
    model: str
    api_key: str | None = field(default=None, repr=False)

    def client(self) -> httpx.AsyncClient:
        """A client of it, to be closed by whoever asked for it."""
        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        timeout = httpx.Timeout(60, connect=5)
        return httpx.AsyncClient(base_url=self.url.rstrip("/") + "/", headers=headers, timeout=timeout)


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """The engine's parts; each may be a server instead of what is built in.

    `ears` has `/audio/transcriptions` and hears instead of pocketsphinx, `brain` has `/chat/completions` and thinks
    instead of the agent's dialogue, `mouth` has `/audio/speech` and speaks instead of espeak-ng, with `voice` if one
    is given and else with the agent's.
    """

    max_calls: int = 2
    ears: Server | None = None
    brain: Server | None = None
    mouth: Server | None = None
    voice: str | None = None

    def to_json(self) -> str:
        """On one line, keys included: not for arguments, which every user of the machine can read."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> EngineConfig:
        """What `to_json` wrote. Raises ValueError and TypeError."""
        fields = json.loads(text)
        servers = {part: Server(**fields[part]) for part in ("ears", "brain", "mouth") if fields[part] is not None}
        return cls(**(fields | servers))
