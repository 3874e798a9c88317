"""One-use tokens, so that a media stream can only be opened by the call that was told to."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable

LIFETIME_S = 60.0


class StreamTokens:
    """Issues one token per call, in the TwiML, and takes it back once, at `start`, within a minute."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], str] = secrets.token_urlsafe,
    ) -> None:
        self._clock = clock
        self._random = random
        self._issued: dict[str, tuple[str, float]] = {}  # by CallSid, oldest first: the token, when it expires

    def __len__(self) -> int:
        return len(self._issued)

    def issue(self, call_sid: str) -> str:
        """A new token for this call. An earlier one for the same call is void."""
        now = self._clock()
        self._forget_expired(now)
        token = self._random()
        self._issued.pop(call_sid, None)  # to the end of the order
        self._issued[call_sid] = token, now + LIFETIME_S
        return token

    def redeem(self, token: str, call_sid: str) -> bool:
        """Whether this is the call's token, neither used nor expired. A second time it is not."""
        self._forget_expired(self._clock())
        issued = self._issued.get(call_sid)
        if issued is None or not hmac.compare_digest(issued[0].encode(), token.encode()):
            return False
        del self._issued[call_sid]
        return True

    def _forget_expired(self, now: float) -> None:
        while self._issued and next(iter(self._issued.values()))[1] <= now:
            del self._issued[next(iter(self._issued))]
