"""What Twilio's REST API refuses, in words for somebody who can act on it."""

from __future__ import annotations

_WHAT_TO_DO = {
    10002: "this is a trial account, which cannot place such calls: upgrade it in the Twilio console",
    10004: "too many calls at once for this account: wait, or have its Business Profile approved",
    20003: "the credentials are wrong: check TWILIO_ACCOUNT_SID with TWILIO_AUTH_TOKEN, or TWILIO_API_KEY with "
    "TWILIO_API_SECRET (an account in another region has others)",
    20404: "Twilio knows nothing of this; a call that is over can't be changed any more",
    20429: "too many requests at once: try again in a moment",
    21205: "Twilio cannot use the address: PHONEAGENT_PUBLIC_URL must be reachable from the internet",
    21210: "the calling number is not one of this account's: buy it, or verify it as a caller id",
    21211: "this is not a number that can be called: check it",
    21212: "the calling number is not a number that Twilio can call from: check it",
    21214: "this number cannot be reached: check it",
    21215: "calls to this country are not allowed: enable it in the console, Voice > Settings > Geo Permissions",
    21216: "calls to this number are blocked by Twilio",
    21217: "this is not a telephone number: check it",
    21219: "a trial account may call verified numbers only: verify it, or upgrade the account",
    21220: "the call is not in a state in which this can be done; it is probably over",
    21408: "messages to this country are not allowed: enable it in the console, Messaging > Settings > Geo Permissions",
    21606: "the sending number is not one of this account's, or can't do this",
    21608: "a trial account may reach verified numbers only: verify it, or upgrade the account",
    21610: "the recipient has opted out of messages from this number (STOP)",
    21614: "this number can't receive text messages",
    13227: "calls to this country are not allowed: enable it in the console, Voice > Settings > Geo Permissions",
    22005: "more calls are queued than the account may place in a day",
    573002: "a trial account may call verified numbers only: verify it, or upgrade the account",
    573005: "this is a trial account, which cannot place such calls: upgrade it in the Twilio console",
}

GONE = frozenset({20404, 21220})  # the call, or whatever it was, is over: nothing is left to do


class TwilioError(Exception):
    """A request to the REST API that did not succeed; the text says what to do.

    `code` is Twilio's (https://www.twilio.com/docs/api/errors), None if there was no answer of the API's.
    `maybe_done`: whether Twilio may have done it all the same, as after a time-out.
    """

    def __init__(self, message: str, *, code: int | None = None, status: int | None = None, maybe_done: bool = False):
        super().__init__(message)
        self.code = code
        self.status = status
        self.maybe_done = maybe_done

    @property
    def gone(self) -> bool:
        """Whether what was to be changed is over already."""
        return self.code in GONE or self.status == 404


def explained(code: int | None, message: str) -> str:
    """Twilio's own words, and what to do about it."""
    hint = _WHAT_TO_DO.get(code or 0)
    said = f"Twilio refused ({code}): {message}" if code else message
    return f"{said.rstrip('.')}; {hint}" if hint else said
