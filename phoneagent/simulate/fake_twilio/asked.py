"""A request to the REST API, what it can be answered with, and pages of resources."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from phoneagent.simulate.twiml import Inline, Next, StatusCallback

Json = dict[str, Any]
Route = tuple[str, str]  # method, path behind the account's; {name} is a part of it

_PAGE = 50


class ApiError(Exception):
    """A request that is refused: HTTP status, Twilio's code, and what is wrong."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Asked:
    """A request: its path, what that names, and its parameters: `form` has the last one of a name."""

    def __init__(self, path: str, names: Mapping[str, str], parameters: Iterable[tuple[str, str]]) -> None:
        self.path, self.names = path, names
        self._parameters = tuple(parameters)
        self.form = dict(self._parameters)

    def several(self, name: str) -> list[str]:
        """All the parameters of this name."""
        return [value for one, value in self._parameters if one == name]

    def flag(self, name: str) -> bool | None:
        """A parameter that is true or false, or not there."""
        value = self.form.get(name)
        return None if value is None else value.lower() == "true"

    def callback(self, prefix: str = "StatusCallback", default: Iterable[str] = ()) -> StatusCallback | None:
        """Where status callbacks are to go, and which."""
        if not (url := self.form.get(prefix)):
            return None
        # a list comes as several parameters, or as one with spaces in it
        events = [word for value in self.several(f"{prefix}Event") for word in value.split()]
        return StatusCallback(url, frozenset(events or default), self.form.get(f"{prefix}Method", "POST"))

    def document(self) -> Next | Inline | None:
        """What a call is to go on with."""
        if url := self.form.get("Url"):
            return Next(url, self.form.get("Method", "POST"))
        return Inline(self.form["Twiml"]) if self.form.get("Twiml") else None

    def page(self, key: str, found: Sequence[Json]) -> Answer:
        """One page of a list, and where the next one is."""
        size, number = int(self.form.get("PageSize", _PAGE)), int(self.form.get("Page", 0))
        following = None
        if len(found) > (number + 1) * size:
            asked_again = {**self.form, "PageSize": str(size), "Page": str(number + 1)}
            following = f"{self.path}?{urlencode(asked_again)}"
        shown = found[number * size : (number + 1) * size]
        return 200, {key: shown, "page": number, "page_size": size, "uri": self.path, "next_page_uri": following}


Answer = tuple[int, Json | None]
Handler = Callable[[Asked], Awaitable[Answer]]


def not_found(path: str) -> ApiError:
    """What asking for something that isn't there is answered with."""
    return ApiError(404, 20404, f"The requested resource {path} was not found")
