"""`${NAME}`, by which a text of an agent file holds a secret of the service."""

from __future__ import annotations

import re
from collections.abc import Mapping

_SECRET = re.compile(r"\$\{(\w*)\}", re.ASCII)


class UnknownSecretError(Exception):
    """A text wants a secret that the service was not given. `name` is not secret."""

    def __init__(self, name: str) -> None:
        super().__init__(f"${{{name}}} is not among the variables that PHONEAGENT_TOOL_SECRETS lists")
        self.name = name


def secrets_in(text: str) -> list[str]:
    """The names of the secrets that a text holds."""
    return _SECRET.findall(text)


def filled(text: str, secrets: Mapping[str, str]) -> str:
    """The text with its secrets in their places. Raises UnknownSecretError."""
    for name in secrets_in(text):
        if name not in secrets:
            raise UnknownSecretError(name)
    return _SECRET.sub(lambda found: secrets[found[1]], text)
