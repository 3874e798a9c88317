"""The variables of a prompt: `{{caller}}`, `{{called}}`, `{{now}}`, `{{agent}}`, `{{param.Name}}` and `{{var.name}}`.

`param.Name` is the webhook's parameter `Name`, such as CallerName; `var.name` is the variable `name` with which a call
was placed. One that a call does not have is empty.
Values are data: they are put in once, on one line and bounded, and what they contain is never expanded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from difflib import get_close_matches
from types import MappingProxyType
from zoneinfo import ZoneInfo

from phoneagent.core.agents import Agent

VARIABLES = ("caller", "called", "now", "agent")
MAX_VALUE_LENGTH = 200

_VARIABLE = re.compile(r"\{\{([^{}\n]*)\}\}")
_OF_THE_CALL = re.compile(r"(?:param|var)\.\w+")
_NOT_PRINTED = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]+")


def render(prompt: str, values: Mapping[str, str]) -> str:
    """The prompt with its variables filled in; one without a value becomes empty."""
    return _VARIABLE.sub(lambda found: _flat(values.get(found[1].strip(), "")), prompt)


def call_values(
    agent: Agent,
    *,
    caller: str,
    called: str,
    now: datetime,
    parameters: Mapping[str, str],
    variables: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """The values of one call. `now` is aware of its time zone; it is told in the agent's.

    `caller` is the human, also of a call that we placed, and `variables` those with which it was.
    """
    here = now.astimezone(ZoneInfo(agent.timezone))
    values = {
        "caller": caller or "unknown",
        "called": called or "unknown",
        "now": f"{here:%A} {here.day} {here:%B %Y, %H:%M} ({agent.timezone})",
        "agent": agent.name,
    }
    values |= {f"param.{name}": value for name, value in parameters.items()}
    values |= {f"var.{name}": value for name, value in variables.items()}
    return values


def unknown_variables(prompt: str) -> Iterator[tuple[int, str]]:
    """What stands in {{…}} and is no variable: the offset in the prompt, and what is wrong."""
    for found in _VARIABLE.finditer(prompt):
        name = found[1].strip()
        if name in VARIABLES or _OF_THE_CALL.fullmatch(name):
            continue
        nearest = get_close_matches(name, VARIABLES, n=1)
        hint = f"did you mean {{{{{nearest[0]}}}}}?" if nearest else _KNOWN
        yield found.start(), f"unknown variable {{{{{name}}}}}: {hint}"


_KNOWN = "there are " + ", ".join(f"{{{{{name}}}}}" for name in VARIABLES) + ", {{param.Name}} and {{var.name}}"


def _flat(value: str) -> str:
    return _NOT_PRINTED.sub(" ", value).strip()[:MAX_VALUE_LENGTH]
