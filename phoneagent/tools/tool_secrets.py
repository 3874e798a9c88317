"""`${NAME}` in what an agent file declares: secrets of the service that its operator lets agents use."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

_REFERENCE = re.compile(r"\$\{(\w*)\}", re.ASCII)
_SHORTEST_HIDDEN = 6  # shorter, it would be found in what has nothing to do with it


def references(texts: Iterable[str]) -> Iterator[str]:
    """The names that the texts refer to."""
    for text in texts:
        yield from _REFERENCE.findall(text)


def unknown(texts: Iterable[str], names: Collection[str]) -> list[str]:
    """What is wrong with the references in the texts: a line for each name that is not among `names`."""
    return [
        f"${{{name}}} is not among the variables that PHONEAGENT_TOOL_SECRETS lists"
        for name in dict.fromkeys(references(texts))
        if name not in names
    ]


def filled(texts: Mapping[str, str], secrets: Mapping[str, str]) -> dict[str, str]:
    """The texts with their references replaced by the secrets, all of which must be known."""
    return {key: _REFERENCE.sub(lambda found: secrets[found[1]], text) for key, text in texts.items()}


def hidden(value: Any, secrets: Iterable[str]) -> Any:
    """The value, read from JSON, without the secrets: a service may send back what it was sent."""
    known = [secret for secret in secrets if len(secret) >= _SHORTEST_HIDDEN]

    def hide(value: Any) -> Any:
        match value:
            case str():
                for secret in known:
                    value = value.replace(secret, "[secret]")
                return value
            case list():
                return [hide(item) for item in value]
            case dict():
                return {hide(key): hide(item) for key, item in value.items()}
            case _:
                return value

    return hide(value) if known else value
