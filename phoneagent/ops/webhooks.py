"""Which webhooks a telephone number has, which it should have, and what answers its calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from urllib.parse import urlsplit

from phoneagent.agents.directory import AgentDirectory
from phoneagent.ops import OpsError
from phoneagent.twilio.rest import PhoneNumber

INCOMING, STATUS = "/incoming", "/status"


@dataclass(frozen=True, slots=True)
class Webhooks:
    """What of a number decides who answers it; the names are those of Twilio's API, "" is none.

    An application or a trunk wins over the URLs.
    """

    voice_url: str
    voice_method: str
    voice_fallback_url: str
    status_callback: str
    voice_application_sid: str
    trunk_sid: str

    @classmethod
    def of(cls, number: PhoneNumber) -> Webhooks:
        """Those that a number has."""
        return cls(**{f.name: getattr(number, f.name) for f in fields(cls)})

    def toward(self, public_url: str, fallback: str | None = None) -> Webhooks:
        """The same, with the service at `public_url` answering; `fallback` None leaves what is there."""
        return replace(
            self,
            voice_url=public_url + INCOMING,
            voice_method="POST",
            voice_fallback_url=self.voice_fallback_url if fallback is None else fallback,
            status_callback=public_url + STATUS,
            voice_application_sid="",
            trunk_sid="",
        )

    def changes(self, wanted: Webhooks) -> dict[str, str]:
        """The fields that differ, as `wanted` has them."""
        mine = asdict(self)
        return {name: value for name, value in asdict(wanted).items() if mine[name] != value}

    @property
    def wins(self) -> str:
        """What answers in place of the URLs, in words; "" if nothing does."""
        if self.trunk_sid:
            return f"the SIP trunk {self.trunk_sid}"
        return f"the TwiML application {self.voice_application_sid}" if self.voice_application_sid else ""

    def points_to(self, public_url: str | None) -> bool:
        """Whether calls come to the service at `public_url`."""
        return not self.wins and is_at(self.voice_url, public_url, INCOMING)


def is_at(url: str, public_url: str | None, path: str = "") -> bool:
    """Whether a URL is one of the service, and its `path` if one is given; Twilio's overrides behind # count not."""
    if not url or public_url is None:
        return False
    one, other = urlsplit(url), urlsplit(public_url)
    same = (one.scheme, one.hostname, _port(one.port, one.scheme)) == (
        other.scheme,
        other.hostname,
        _port(other.port, other.scheme),
    )
    return same and (not path or one.path == path)


def answered_by(number: PhoneNumber, public_url: str | None, agents: AgentDirectory) -> str:
    """What answers a number's calls, in words."""
    webhooks = Webhooks.of(number)
    if webhooks.wins:
        return webhooks.wins
    if not webhooks.voice_url:
        return "nothing"
    if not webhooks.points_to(public_url):
        return webhooks.voice_url
    agent = agents.for_number(number.number)
    return f"agent {agent.name}" if agent else "here, but no agent's file names it"


def checked_fallback(url: str, public_url: str) -> str:
    """A fallback URL. Raises OpsError for one that could not help, because it is not on the internet or is us."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise OpsError(f"--fallback must be an address that begins with https://, got {url!r}")
    if parts.hostname == urlsplit(public_url).hostname:
        raise OpsError("--fallback must be something that is not this service: it is asked when this service fails")
    return url


def checked_public_url(url: str | None, name: str = "PHONEAGENT_PUBLIC_URL") -> str:
    """The origin that Twilio is to dial. Raises OpsError, which calls it `name`, for one that it could not."""
    parts = urlsplit((url or "").rstrip("/").lower())
    if parts.scheme != "https" or not parts.hostname or parts.path or parts.query or parts.fragment or parts.username:
        raise OpsError(
            f"{name} must be the https address under which Twilio reaches this service, such as "
            f"https://your-name.ngrok-free.app, got {url or 'none'}"
        )
    return parts.geturl()


_WORDS = {
    "voice_url": "calls",
    "voice_method": "method",
    "voice_fallback_url": "fallback",
    "status_callback": "status callback",
    "voice_application_sid": "TwiML application",
    "trunk_sid": "SIP trunk",
}


def described(before: Webhooks, changes: Mapping[str, str]) -> list[str]:
    """A line for each change, such as `calls: https://old/voice -> https://new/incoming`."""
    was = asdict(before)
    return [f"{_WORDS[name]}: {was[name] or '(none)'} -> {value or '(none)'}" for name, value in changes.items()]


def _port(port: int | None, scheme: str) -> int | None:
    return port or {"https": 443, "http": 80}.get(scheme)
