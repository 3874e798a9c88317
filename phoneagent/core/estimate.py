"""What a conversation of some length is likely to use, before anybody has had it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from phoneagent.core.costs import Usage


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What an estimate takes for given. Tokens of audio: OpenAI, Managing Realtime costs.

    `cached` is the share of what the model has read before that is billed as cached; OpenAI promises none.
    """

    agent_tokens_per_s: int = 20  # one for 50 ms
    caller_tokens_per_s: int = 10  # one for 100 ms
    written_tokens_per_s: Decimal = Decimal("3.5")  # of the agent's speech: 150 words a minute
    exchanges_per_minute: int = 4
    prompt_tokens: int = 1000  # with the tools
    cached: Decimal = Decimal("0.9")


ASSUMED = Assumptions()


def conversation(minutes: Decimal, talk: Decimal, assumed: Assumptions = ASSUMED) -> Usage:
    """The usage of a conversation in which the agent speaks for the share `talk` of the time, the caller for the rest.

    The whole conversation so far is read again for each of the agent's turns.
    """
    seconds = minutes * 60
    turns = max(1, round(minutes * assumed.exchanges_per_minute))
    agent = seconds * talk * assumed.agent_tokens_per_s / turns  # tokens in a turn
    caller = seconds * (1 - talk) * assumed.caller_tokens_per_s / turns
    pairs = turns * (turns - 1) // 2  # of a turn and an earlier one
    read = (pairs + turns) * caller + pairs * agent
    read_before = pairs * caller + (pairs - turns + 1) * agent
    return Usage(
        text_in=turns * assumed.prompt_tokens,
        text_cached=round((turns - 1) * assumed.prompt_tokens * assumed.cached),
        text_out=round(seconds * talk * assumed.written_tokens_per_s),
        audio_in=round(read),
        audio_cached=round(read_before * assumed.cached),
        audio_out=round(seconds * talk * assumed.agent_tokens_per_s),
        seconds=float(seconds),
    )


def caller_speech(minutes: Decimal, talk: Decimal) -> Usage:
    """What there is to transcribe of the same conversation."""
    return Usage(seconds=float(minutes * 60 * (1 - talk)))
