"""Who may speak to the service at all: Twilio, by its signature; without a secret, this machine only."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from starlette.types import Scope

from phoneagent.twilio.signature import SIGNATURE_HEADER, SignatureCheck
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


class Guard(Protocol):
    """Decides whether a request is served. What it refuses it logs, with the reason."""

    def webhook(self, head: RequestHead, form: Mapping[str, str]) -> bool:
        """Whether a webhook is served; `form` has the fields of a POST."""

    def upgrade(self, head: RequestHead) -> bool:
        """Whether an upgrade to a media stream is accepted."""


class SignedOnly:
    """Serves what Twilio has signed, wherever it comes from."""

    def __init__(self, check: SignatureCheck) -> None:
        self._check = check

    def webhook(self, head: RequestHead, form: Mapping[str, str]) -> bool:
        signature = head.headers.get(SIGNATURE_HEADER.lower())
        return self._check.webhook(head.path, head.query, form, signature) or _refused(head, _NOT_SIGNED)

    def upgrade(self, head: RequestHead) -> bool:
        signature = head.headers.get(SIGNATURE_HEADER.lower())
        return self._check.upgrade(head.path, signature) or _refused(head, _NOT_SIGNED)


class LoopbackOnly:
    """Serves unsigned requests of this machine. What was forwarded from elsewhere, as by ngrok, is not one."""

    def webhook(self, head: RequestHead, form: Mapping[str, str]) -> bool:
        return self.serves(head)

    def upgrade(self, head: RequestHead) -> bool:
        return self.serves(head)

    def serves(self, head: RequestHead) -> bool:
        """Whether a request was made on this machine, for this machine, and not by a page from elsewhere."""
        origin = head.headers.get("origin")
        local = (
            is_loopback(head.peer)
            and is_loopback(_host_of(f"//{head.headers.get('host', '')}"))
            and not any(name in head.headers for name in _FORWARDED)
            and (origin is None or is_loopback(_host_of(origin)))
            and head.headers.get("sec-fetch-site") not in ("cross-site", "same-site")
        )
        return local or _refused(head, _NOT_LOCAL)


def guard_for(public_url: str, auth_tokens: Sequence[str]) -> Guard:
    """The guard that these settings call for. Says so in the log if it is the one for this machine only."""
    if any(auth_tokens):
        return SignedOnly(SignatureCheck(public_url, auth_tokens))
    log.warning("TWILIO_AUTH_TOKEN is not set: only requests from this machine are served, and no phone call is")
    return LoopbackOnly()


_NOT_SIGNED = "X-Twilio-Signature is missing or not valid for PHONEAGENT_PUBLIC_URL and this path"
_NOT_LOCAL = "without TWILIO_AUTH_TOKEN only requests from this machine are served"


def _refused(head: RequestHead, reason: str) -> bool:
    log.warning("request refused", extra={"reason": reason, "path": head.path, "peer": head.peer})
    return False


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # such as brackets that do not close
        return None
