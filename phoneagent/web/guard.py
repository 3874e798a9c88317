"""Who may speak to the service at all: Twilio, by its signature; a browser that telephones, by its ticket; without a
secret, this machine only."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from starlette.types import Scope

from phoneagent.twilio.signature import SIGNATURE_HEADER, SignatureCheck
from phoneagent.web.access.origin import is_ours
from phoneagent.web.access.tickets import Tickets
from phoneagent.web.address import is_loopback

log = logging.getLogger(__name__)

_FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What a request says of itself before its body is read."""

    peer: str | None  # the address at the other end of the connection
    path: str  # as it was on the wire
    query: str
    headers: Mapping[str, str]  # names in lower case

    @classmethod
    def of(cls, scope: Scope) -> RequestHead:
        """The head of an ASGI request."""
        client = scope.get("client")
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        return cls(
            client[0] if client else None,
            raw_path.decode("latin-1"),
            scope["query_string"].decode("latin-1"),
            {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
        )

    @property
    def ticket(self) -> str | None:
        """The ticket in the query, with which a browser asks to be let in; None if there is none."""
        return parse_qs(self.query, keep_blank_values=True).get("ticket", [None])[0]


class Guard(Protocol):
    """Decides whether a request is served. What it refuses it logs, with the reason."""

    def webhook(self, head: RequestHead, form: Mapping[str, str]) -> bool:
        """Whether a webhook is served; `form` has the fields of a POST."""

    def upgrade(self, head: RequestHead) -> bool:
        """Whether an upgrade to a media stream is accepted."""


@dataclass(frozen=True, slots=True)
class BrowserDoor:
    """Lets in the browsers that telephone: with a ticket of `POST /api/phone`, and from a page of ours."""

    tickets: Tickets
    public_url: str

    def opens(self, head: RequestHead, ticket: str) -> bool:
        """Whether the upgrade is a browser's that was given this ticket."""
        holder = self.tickets.redeem(ticket)
        if holder is None:
            return _refused(head, _NO_TICKET)
        return not holder.is_page or is_ours(head.headers, self.public_url) or _refused(head, _NOT_OUR_PAGE)


class SignedOnly:
    """Serves what Twilio has signed, wherever it comes from. Upgrades that show a ticket go by that."""

    def __init__(self, check: SignatureCheck, door: BrowserDoor) -> None:
        self._check = check
        self._door = door

    def webhook(self, head: RequestHead, form: Mapping[str, str]) -> bool:
        signature = head.headers.get(SIGNATURE_HEADER.lower())
        return self._check.webhook(head.path, head.query, form, signature) or _refused(head, _NOT_SIGNED)

    def upgrade(self, head: RequestHead) -> bool:
        if (ticket := head.ticket) is not None:
            return self._door.opens(head, ticket)
        signature = head.headers.get(SIGNATURE_HEADER.lower())
        return self._check.upgrade(head.path, signature) or _refused(head, _NOT_SIGNED)


class LoopbackOnly:
    """Serves unsigned requests of this machine. What was forwarded from elsewhere, as by ngrok, is not one. Upgrades
    that show a ticket go by that: whoever has one has logged in."""

    def __init__(self, door: BrowserDoor | None = None) -> None:
        """Without `door` no browser is let in to telephone."""
        self._door = door

    def webhook(self, head: RequestHead, form: Mapping[str, str]) -> bool:
        return self.serves(head)

    def upgrade(self, head: RequestHead) -> bool:
        if (ticket := head.ticket) is not None:
            return self._door is not None and self._door.opens(head, ticket)
        return self.serves(head)

    def serves(self, head: RequestHead) -> bool:
        """Whether a request is `of_this_machine`."""
        return of_this_machine(head) or _refused(head, _NOT_LOCAL)


def of_this_machine(head: RequestHead) -> bool:
    """Whether a request was made on this machine, for this machine, and not by a page from elsewhere."""
    origin = head.headers.get("origin")
    return (
        is_loopback(head.peer)
        and is_loopback(host_of(f"//{head.headers.get('host', '')}"))
        and not any(name in head.headers for name in _FORWARDED)
        and (origin is None or is_loopback(host_of(origin)))
        and head.headers.get("sec-fetch-site") not in ("cross-site", "same-site")
    )


def guard_for(public_url: str, auth_tokens: Sequence[str], tickets: Tickets | None = None) -> Guard:
    """The guard that these settings call for; browsers telephone with `tickets`. Says so in the log if it is the one
    for this machine only."""
    door = BrowserDoor(Tickets() if tickets is None else tickets, public_url)
    if any(auth_tokens):
        return SignedOnly(SignatureCheck(public_url, auth_tokens), door)
    log.warning("TWILIO_AUTH_TOKEN is not set: only calls from this machine are served, and no phone call is")
    return LoopbackOnly(door)


_NOT_SIGNED = "X-Twilio-Signature is missing or not valid for PHONEAGENT_PUBLIC_URL and this path"
_NO_TICKET = "the ticket is unknown, has expired or was used: the browser has to fetch a new one"
_NOT_OUR_PAGE = "the Origin is neither PHONEAGENT_PUBLIC_URL nor the Host of the request"
_NOT_LOCAL = "without TWILIO_AUTH_TOKEN only calls from this machine are served"


def _refused(head: RequestHead, reason: str) -> bool:
    log.warning("request refused", extra={"reason": reason, "path": head.path, "peer": head.peer})
    return False


def host_of(url: str) -> str | None:
    """The host that a URL names, without port and brackets; None if it names none."""
    try:
        return urlsplit(url).hostname
    except ValueError:  # such as brackets that do not close
        return None
