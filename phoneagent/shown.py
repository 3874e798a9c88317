"""Settings as people may see them: without secrets, and with who says so."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from phoneagent.settings import Origin, Settings, described

DOTS = "••••••••"


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """A setting that is in force. `value` is None for one that was not made, and dots for a secret."""

    variable: str
    description: str
    secret: bool
    value: str | None
    origin: Origin


def shown(settings: Settings) -> tuple[ShownSetting, ...]:
    """All settings, in the order of the documentation."""
    return tuple(
        ShownSetting(
            each.variable,
            each.description,
            each.secret,
            _text(each.variable, getattr(settings, each.name), secret=each.secret),
            settings.origins.get(each.name, "default"),
        )
        for each in described()
    )


def _text(variable: str, value: object, *, secret: bool) -> str | None:
    if value is None or value == ():
        return None
    if secret:
        return DOTS
    if isinstance(value, tuple):  # names and secrets
        return ", ".join(name for name, _ in value)
    if isinstance(value, float):
        return f"{value:g}"
    return _without_password(str(value)) if variable.endswith("_URL") else str(value)


def _without_password(address: str) -> str:
    """An address with dots for all that may let somebody in: a password, and what stands after `?`."""
    parts = urlsplit(address)
    user, at, host = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    netloc = f"{name}{colon}{DOTS if colon else ''}{at}{host}"
    before, _, after = address.partition("://")
    path = after[len(parts.netloc) :].partition("?")[0]
    return f"{before}://{netloc}{path}{'?' + DOTS if parts.query else ''}"
