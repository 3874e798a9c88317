"""Where Twilio finds us: the addresses in TwiML and in requests to the REST API."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from phoneagent.twilio.signature import websocket_url


@dataclass(frozen=True, slots=True)
class Addresses:
    """Those under one origin, such as https://voice.example.com. A `detour` is the id of one."""

    origin: str

    @property
    def stream(self) -> str:
        """The media stream."""
        return websocket_url(self.origin, "/media-stream")

    @property
    def stream_ended(self) -> str:
        """What comes after a stream."""
        return self._at("/stream-ended")

    def next(self, redirect: str = "") -> str:
        """Where the caller's line asks how to go on; `redirect` says which redirect made it ask."""
        return self._at("/next", redirect=redirect)

    def transfer_ended(self, detour: str) -> str:
        """Where the caller's line asks how to go on after the person."""
        return self._at("/transfer-ended", transfer=detour)

    def transfer_human(self, detour: str) -> str:
        """What the person hears who answers."""
        return self._at("/transfer-human", transfer=detour)

    def transfer_answer(self, detour: str) -> str:
        """What the person says to it."""
        return self._at("/transfer-answer", transfer=detour)

    def transfer_status(self, detour: str) -> str:
        """What becomes of the person's line."""
        return self._at("/transfer-status", transfer=detour)

    def transfer_room(self, detour: str) -> str:
        """Who enters and leaves the room."""
        return self._at("/transfer-room", transfer=detour)

    def machine(self, detour: str) -> str:
        """Whether a voicemail has answered."""
        return self._at("/machine", transfer=detour)

    def _at(self, path: str, **query: str) -> str:
        given = {name: value for name, value in query.items() if value}
        return f"{self.origin.rstrip('/')}{path}" + (f"?{urlencode(given)}" if given else "")
