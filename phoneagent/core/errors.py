"""What may go wrong with a session, and in one table what is done about it.

Codes and their meaning: OpenAI Realtime API, errors and close codes; see docs/protocols.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as the session told it. `code` is its code, else its type; `close:1006` for a closed socket."""

    code: str
    message: str = ""
    param: str | None = None


class Reaction(Enum):
    """What a problem calls for."""

    IGNORE = auto()  # the session lives on and nothing is missing
    RETRY = auto()  # ask for the response again, after `retry_after_s`
    RECONNECT = auto()  # this session is over, another would do
    END = auto()  # no session will do: the account, the key, the configuration


_REACTIONS: dict[str, Reaction] = {
    # transient, reported by a failed response
    "rate_limit_exceeded": Reaction.RETRY,
    "server_error": Reaction.RETRY,
    "internal_error": Reaction.RETRY,
    "timeout": Reaction.RETRY,
    # this session is over
    "session_expired": Reaction.RECONNECT,
    "connect_failed": Reaction.RECONNECT,
    "close:1001": Reaction.RECONNECT,  # looks clean, and is how a session's 60 minutes end
    "close:1005": Reaction.RECONNECT,
    "close:1006": Reaction.RECONNECT,
    "close:1011": Reaction.RECONNECT,
    "close:1012": Reaction.RECONNECT,
    "close:1013": Reaction.RECONNECT,
    "close:1015": Reaction.RECONNECT,
    # the account, the key, the configuration
    "insufficient_quota": Reaction.END,
    "credit_balance_exhausted": Reaction.END,
    "billing_hard_limit_reached": Reaction.END,
    "account_deactivated": Reaction.END,
    "invalid_api_key": Reaction.END,
    "model_not_found": Reaction.END,
    "beta_api_shape_disabled": Reaction.END,
    "session_update_refused": Reaction.END,
    "format_mismatch": Reaction.END,
    "sessions_exhausted": Reaction.END,
    "close:1000": Reaction.END,
    "close:1008": Reaction.END,
    "close:4000": Reaction.END,
}

_RETRY_IN = re.compile(r"try again in (?:(?P<minutes>\d+)m)?(?P<amount>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m)\b")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}


def reaction_to(problem: Problem, otherwise: Reaction = Reaction.IGNORE) -> Reaction:
    """What to do about a problem; `otherwise` for one that is not in the table."""
    return _REACTIONS.get(problem.code, otherwise)


def retry_after_s(problem: Problem) -> float | None:
    """The delay that the session asks for ("Please try again in 6.232s"), if it names one."""
    found = _RETRY_IN.search(problem.message)
    if found is None:
        return None
    return int(found["minutes"] or 0) * 60 + float(found["amount"]) * _UNITS[found["unit"]]
