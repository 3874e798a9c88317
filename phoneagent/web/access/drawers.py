"""Counts by what strangers send, in bounded memory."""

from __future__ import annotations

import hmac
import secrets

_DRAWERS = 4096  # of each kind


class Drawers:
    """Puts texts into a bounded number of drawers; which of them share one, nobody can know."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(16)

    def of(self, kind: str, *texts: str) -> str:
        """The name of the drawer, of which nobody learns the texts."""
        digest = hmac.digest(self._key, "\0".join((kind, *texts)).encode("utf-8", "replace"), "sha256")
        return f"{kind} {int.from_bytes(digest[:4]) % _DRAWERS}"
