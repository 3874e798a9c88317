"""The page with the list of calls, and what can be asked for in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from phoneagent.agents.numbers import e164
from phoneagent.store.calls import CallFilter, CallPage, Calls, Cursor
from phoneagent.web.api.queries import CURSOR, read_cursor, write_cursor
from phoneagent.web.console.pages import render
from phoneagent.web.console.sees import Viewer
from phoneagent.web.console.sources import Given
from phoneagent.web.console.wording import OUTCOMES

routes = APIRouter()

PAGE = 50
LIVE = "live"
"""Stands among the outcomes for calls that go on."""

_FIELDS = ("text", "number", "agent", "outcome", "since", "until", "zone")
_LONGEST = 200
_NONE = CallPage((), None)


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody has asked for: `given` as they wrote it, `wanted` as the store takes it; and what of it is wrong,
    by its field."""

    given: Mapping[str, str] = field(repr=False)
    wanted: CallFilter
    problems: Mapping[str, str] = field(repr=False)

    @property
    def narrowed(self) -> bool:
        """Whether not all calls are wanted."""
        return any(self.given[name] for name in _FIELDS if name != "zone")

    def link(self, **place: str) -> str:
        """The page with the same calls, at another place in their list."""
        query = {name: value for name, value in {**self.given, **place}.items() if value}
        return f"/calls?{urlencode(query)}" if query else "/calls"

    def csv_link(self) -> str:
        """All of them, for a spreadsheet."""
        wanted = self.wanted
        query: dict[str, str | None] = {
            "text": wanted.text,
            "number": wanted.number,
            "agent": wanted.agent,
            "outcome": wanted.outcome,
            "since": None if wanted.since is None else wanted.since.isoformat(),
            "before": None if wanted.before is None else wanted.before.isoformat(),
            "open": "true" if wanted.open else None,
        }
        return f"/api/calls.csv?{urlencode({name: value for name, value in query.items() if value})}"


def asked(query: Mapping[str, str], region: str | None) -> Asked:
    """What the fields of the form mean. Days are those of the browser's time zone, the last one included; `region`
    (ISO 3166) is that of numbers without a country code."""
    given = {name: query.get(name, "").replace("\0", "").strip()[:_LONGEST] for name in _FIELDS}
    problems: dict[str, str] = {}

    def understood(name: str, read: Callable[[str], Any]) -> Any:
        try:
            return read(given[name]) if given[name] else None
        except (ValueError, OverflowError) as error:
            problems[name] = str(error)
            return None

    zone = _zone(given["zone"])
    live = given["outcome"] == LIVE
    wanted = CallFilter(
        number=understood("number", lambda text: _number(text, region)),
        agent=given["agent"] or None,
        since=understood("since", lambda text: _midnight(text, zone)),
        before=understood("until", lambda text: _midnight(text, zone, days=1)),
        outcome=None if live else given["outcome"] or None,
        text=given["text"] or None,
        open=live or None,
    )
    return Asked(given, wanted, problems)


def _number(text: str, region: str | None) -> str:
    """A number in E.164; who calls without one is called by other words, such as anonymous."""
    return e164(text, region) if text[0] in "+(" or text[0].isdigit() else text


def _midnight(text: str, zone: tzinfo, days: int = 0) -> datetime:
    try:
        day = date.fromisoformat(text) + timedelta(days=days)
    except ValueError:
        raise ValueError("write the day as 2026-11-21") from None
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (ValueError, OSError, KeyError):  # no such zone, or no name of one at all
        return UTC


@routes.get("/calls")
async def list_calls(request: Request, sources: Given, visitor: Viewer) -> HTMLResponse:
    wish = asked(request.query_params, sources.region)
    page, newer = (
        await _found(sources.store.calls, wish.wanted, request.query_params) if not wish.problems else (_NONE, None)
    )
    return render(
        request,
        "calls.html",
        visitor,
        asked=wish,
        calls=page.calls,
        newer=newer and wish.link(newer=write_cursor(newer)),
        older=page.following and wish.link(older=write_cursor(page.following)),
        agents=sorted({*sources.agents(), wish.given["agent"]} - {""}),
        outcomes={LIVE: "Live", **{word: label for word, (label, _) in OUTCOMES.items()}},
    )


async def _found(calls: Calls, wanted: CallFilter, query: Mapping[str, str]) -> tuple[CallPage, Cursor | None]:
    """The page of the list that is asked for; and its own place, if there are newer calls."""
    if (newer := _place(query, "newer")) is not None:
        rows = await calls.newer(wanted, than=newer, limit=PAGE + 1)
        if len(rows) > PAGE:
            return CallPage(rows[1:], rows[-1].place), rows[1].place
    older = _place(query, "older")
    page = await calls.page(wanted, after=older, limit=PAGE)
    return page, page.calls[0].place if older is not None and page.calls else None


def _place(query: Mapping[str, str], name: str) -> Cursor | None:
    text = query.get(name, "")
    return read_cursor(text) if CURSOR.fullmatch(text) else None
