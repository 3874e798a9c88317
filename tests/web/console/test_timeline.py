"""A call in the order in which it went, in words."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from phoneagent.core.records import Happened, Happening
from phoneagent.core.transcript import Turn
from phoneagent.web.console.timeline import Moment, legend, timeline
from tests.console.calls import EVENTS, dentist
from tests.store.new_database import store_at


@pytest.fixture
async def call(tmp_path):
    store = await store_at(tmp_path / "calls.db")
    await store.entries.apply("a test", dentist())
    detail = await store.calls.get("c1")
    await store.close()
    return detail


def with_event(call: Any, kind: Any, data: dict[str, Any]) -> Moment:
    """How something is shown that happened after all else."""
    object.__setattr__(call, "events", (Happened("c1", 9, 99.0, kind, data),))
    *_, last = timeline(call)
    assert isinstance(last, Moment)
    return last


async def test_tools_and_events_stand_before_the_turn_that_began_after_them(call):
    assert [item.turn_id if isinstance(item, Turn) else item.kind for item in timeline(call)] == [
        *("t1", "t2", "tool", "t3", "barge_in", "t4", "digits", "tool", "t5", "transfer"),
    ]


async def test_turns_keep_the_order_of_the_conversation(call):
    late = tuple(reversed(call.turns))
    object.__setattr__(call, "turns", late)
    assert tuple(item for item in timeline(call) if isinstance(item, Turn)) == late


@pytest.mark.parametrize(("kind", "data", "title", "text"), EVENTS)
async def test_what_happened_is_said_in_words(call, kind, data, title, text):
    moment = with_event(call, kind, data)
    assert (moment.kind, moment.title, moment.text) == (kind, title, text)


async def test_every_kind_of_event_has_its_words_and_none_can_break_the_page(call):
    assert {kind for kind, *_ in EVENTS} == set(get_args(Happening))
    for kind in get_args(Happening):
        for odd in ({}, {"digits": 1, "state": None, "on": [], "message": {}}):
            assert with_event(call, kind, odd).title


async def test_the_legend_explains_what_is_marked(call):
    assert legend(list(timeline(call))) == [
        *(("barge_in", "interruption"), ("tool", "tool"), ("digits", "keys"), ("transfer", "transfer")),
    ]
    with_event(call, "session_lost", {})
    assert ("session_lost", "error") in legend(list(timeline(call)))
