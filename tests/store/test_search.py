"""Which calls are found by what was said in them: while they go on, once they are over, and after something was
deleted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phoneagent.core.redaction.telephones import TelephoneNumber
from phoneagent.store import search
from phoneagent.store.calls import CallFilter
from phoneagent.store.people import Person
from tests.store.story import ADA, NOON, began, over, said, seconds

LATER = NOON + seconds(99)


async def ids(store, text, **wanted):
    return [call.id for call in (await store.calls.page(CallFilter(text=text, **wanted))).calls]


@pytest.fixture(params=["looked through", "indexed"])
def way(request, monkeypatch):
    """Calls are looked through, or the index is asked."""
    if request.param == "indexed":
        monkeypatch.setattr(search, "NEWEST", 1)


FOUND = {
    "grüße": True,
    "GRUSSE": True,
    "gru sch 10": True,
    "c:\\temp": True,
    "rüße": False,
    "Grüße Hello": False,  # which were said in two calls
    "not heard": False,
    "%": False,
    "schone OR nothing": False,
    "\"grüße' * NOT ((": False,
    "'grüße\" * (( :* & |": True,
    "\0": False,
    "\ud800 grüße": True,
}


@pytest.mark.parametrize("is_over", [False, True])
async def test_calls_are_found_by_the_words_that_were_said(store, way, is_over):
    await store.entries.apply("i1", [began("c1"), began("c2"), said("c2", "t1", "Hello?"), over("c2", turns=["t1"])])
    words = said("c1", "t1", "Schöne Grüße! 100% in C:\\temp", speaker="agent", unheard="not heard")
    await store.entries.apply("i1", [words, said("c1", "t2", "And you?"), *([over("c1")] if is_over else [])])
    assert {text: await ids(store, text) for text in FOUND} == {text: ["c1"] * found for text, found in FOUND.items()}


@pytest.fixture
async def two_calls(store):
    await store.entries.apply("i1", [entry for n in "12" for entry in (began(n), said(n, "t", "x"), over(n))])
    return store


@given(st.text(max_size=40))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_text_is_an_error(two_calls, way, text):
    await ids(two_calls, text)


async def test_pages_of_what_is_found_follow_each_other(store, way):
    for n in range(6):
        word = "tea" if n % 2 else "coffee"
        end = [over(f"c{n}")] if n != 3 else []
        await store.entries.apply("i1", [began(f"c{n}", NOON + seconds(n)), said(f"c{n}", "t1", word), *end])
    first = await store.calls.page(CallFilter(text="tea"), limit=2)
    second = await store.calls.page(CallFilter(text="tea"), limit=2, after=first.following)
    assert [[call.id for call in page.calls] for page in (first, second)] == [["c5", "c3"], ["c1"]]
    assert second.following is None
    assert await ids(store, "tea", before=NOON + seconds(4), since=NOON + seconds(2)) == ["c3"]
    assert await ids(store, "tea", open=True) == ["c3"]
    assert await ids(store, "cof", agent="clinic", number=ADA) == ["c4", "c2", "c0"]


async def test_what_comes_late_is_found_as_it_is_at_last(store, way):
    await store.entries.apply(
        "i1", [began("c1"), said("c1", "t1", "Four candles", final=False), began("c2"), over("c2")]
    )
    await store.instances.close_lost(LATER)
    assert await ids(store, "candles") == ["c1"]
    await store.entries.apply("i1", [said("c1", "t1", "Fork handles"), said("c1", "t2", "Thanks")])  # from a journal
    assert [await ids(store, word) for word in ("candles", "fork thanks")] == [[], ["c1"]]


async def test_a_transcript_that_is_deleted_is_not_found(store, way):
    entries = [entry for n in ("c1", "c2", "c3") for entry in (began(n), said(n, "t1", "abracadabra"), over(n))]
    await store.entries.apply("i1", entries)
    await store.erasure.delete(["c1"])
    await store.erasure.delete_transcripts(["c2"])
    await store.entries.apply("i1", entries)  # from a journal
    assert await ids(store, "abra") == ["c3"]


async def test_a_number_that_is_erased_is_not_found_where_others_speak_of_it(store, way):
    spoken = "Call +1 555 0199, please"
    await store.entries.apply(
        "i1", [entry for n in ("c1", "c2") for entry in (began(n, caller="+15550188"), said(n, "t1", spoken), over(n))]
    )
    await store.people.take_out(Person(ADA, TelephoneNumber("erased", "1", "5550199")))
    assert await ids(store, "0199") == []
    assert await ids(store, "erased please") == ["c2", "c1"]


async def test_costs_are_summed_up_of_calls_that_are_found(store, way):
    for n, word in enumerate(["tea", "coffee", "tea"]):
        await store.entries.apply(
            "i1", [began(f"c{n}", NOON + timedelta(days=n)), said(f"c{n}", "t1", word), over(f"c{n}")]
        )
    assert [one.key for one in await store.costs.sums("day", CallFilter(text="tea"))] == ["2026-11-21", "2026-11-23"]
