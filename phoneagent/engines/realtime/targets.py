"""Where a Realtime session is dialled, and what is known beforehand of the server there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

OPENAI_BASE_URL = "https://api.openai.com/v1"

AudioFormat = Literal["pcmu", "pcm"]
"""`pcmu`: G.711 µ-law at 8 kHz. `pcm`: 16-bit little-endian at 24 kHz, the PCM that all servers have."""

AudioChoice = AudioFormat | Literal["auto"]
"""`auto`: µ-law and, where that is refused, PCM."""

_WEBSOCKET_SCHEME = {"https": "wss", "http": "ws", "wss": "wss", "ws": "ws"}


@dataclass(frozen=True, slots=True)
class Target:
    """A server of the Realtime protocol.

    `base_url` is the https or http address under which `/realtime` is found. `takes_dialogue`: it has the
    extension `session.dialogue`. Raises ValueError for an address that cannot be dialled.
    """

    name: str
    base_url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    audio_format: AudioChoice = "auto"
    takes_dialogue: bool = False

    def __post_init__(self) -> None:
        url = urlsplit(self.base_url)
        if url.scheme not in _WEBSOCKET_SCHEME or not url.hostname or url.username or url.fragment:
            raise ValueError(f"the address of the {self.name} engine must be like https://host/v1, without a user")

    @property
    def secure(self) -> bool:
        return urlsplit(self.base_url).scheme in ("https", "wss")

    def url(self, model: str) -> str:
        """The WebSocket address of a session with `model`."""
        url = urlsplit(self.base_url)
        query = urlencode([*parse_qsl(url.query), ("model", model)])
        return urlunsplit((_WEBSOCKET_SCHEME[url.scheme], url.netloc, url.path.rstrip("/") + "/realtime", query, ""))


def openai(api_key: str | None, base_url: str = OPENAI_BASE_URL, audio_format: AudioChoice = "auto") -> Target:
    """OpenAI, or any other server of its protocol; `api_key` None for one that wants no key."""
    headers = (("Authorization", f"Bearer {api_key}"),) if api_key else ()
    return Target("openai", base_url, headers, audio_format)


def azure(endpoint: str, api_key: str, audio_format: AudioChoice = "auto") -> Target:
    """Azure OpenAI, such as https://my-resource.openai.azure.com; the model is the name of a deployment."""
    # The GA path. The preview's path and its api-version belong to another shape of the protocol.
    base_url = endpoint.rstrip("/").removesuffix("/v1").removesuffix("/openai") + "/openai/v1"
    return Target("azure", base_url, (("api-key", api_key),), audio_format)


def local(base_url: str) -> Target:
    """The embedded engine, such as http://127.0.0.1:9000/v1."""
    return Target("local", base_url, takes_dialogue=True)
