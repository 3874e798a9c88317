"""What an account of the fake Twilio holds, besides its calls: numbers, messages, recordings."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from phoneagent.simulate.twiml import StatusCallback


@dataclass(slots=True)
class Number:
    """A number of the account. `voice_url` None is the service's own /incoming; an application or a trunk wins."""

    sid: str
    number: str
    friendly_name: str = ""
    voice_url: str | None = None
    voice_method: str = "POST"
    voice_fallback_url: str = ""
    status_callback: str = ""
    voice_application_sid: str = ""
    trunk_sid: str = ""
    voice: bool = True
    sms: bool = True


@dataclass(frozen=True, slots=True)
class Message:
    """A text message that was sent."""

    sid: str
    to: str
    from_: str
    body: str = field(repr=False)
    sent: datetime
    status: str = "delivered"


@dataclass(slots=True)
class Recording:
    """A recording of a call, without the sound."""

    sid: str
    call_sid: str
    channels: int
    track: str
    started: datetime
    status: str = "in-progress"
    callback: StatusCallback | None = None


@dataclass(slots=True)
class Account:
    """The account. `refused` are numbers that calls and messages to fail with an error code of Twilio's."""

    sid: str
    auth_token: str = field(repr=False)
    api_key: tuple[str, str] | None = field(repr=False)
    type: Literal["Full", "Trial"]
    rng: random.Random = field(repr=False)
    numbers: dict[str, Number] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    recordings: list[Recording] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)

    def new_sid(self, prefix: str) -> str:
        """An id for something new."""
        return f"{prefix}{self.rng.getrandbits(128):032x}"

    def knows(self, username: str, password: str) -> bool:
        """Whether these are credentials of the account."""
        return (username, password) in ((self.sid, self.auth_token), self.api_key)
