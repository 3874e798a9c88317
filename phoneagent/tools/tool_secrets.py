"""The secrets that tools are given by `${NAME}`: that they are there, and that they don't come back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from phoneagent.core.secrets import UnknownSecretError, secrets_in

_SHORTEST_HIDDEN = 6  # shorter, it would be found in what has nothing to do with it


def named(texts: Iterable[str]) -> Iterator[str]:
    """The names of the secrets that the texts hold, each once."""
    return iter(dict.fromkeys(name for text in texts for name in secrets_in(text)))


def unknown(texts: Iterable[str], names: Collection[str]) -> list[str]:
    """A line for each secret in the texts that is not among `names`."""
    return [str(UnknownSecretError(name)) for name in named(texts) if name not in names]


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
