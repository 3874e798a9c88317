"""The way of a dial: forward only, and to one end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations

import pytest

from phoneagent.core.dials import FINAL, Dial, states_up_to

DIAL = Dial("id", "nonce", "sales", "+15550199", "+15550100", {}, datetime(2026, 11, 21, tzinfo=UTC))
SID = "CA" + "1" * 32


def test_a_call_goes_its_way():
    dial = DIAL
    for state in ("dialing", "placed", "ringing", "live", "completed"):
        dial = dial.moved(state, call_sid=SID)
        assert dial.state == state
    assert dial.over
    assert dial.call_sid == SID


@pytest.mark.parametrize("order", list(permutations(["placed", "ringing", "live", "completed"])))
def test_callbacks_in_any_order_come_to_the_same_end(order):
    dial = replace(DIAL, state="dialing")
    for state in [*order, *order]:
        dial = dial.moved(state, call_sid=SID)
    assert (dial.state, dial.call_sid) == ("completed", SID)


@pytest.mark.parametrize("end", sorted(FINAL))
def test_what_is_final_stays_as_it_is(end):
    over = DIAL.moved(end, "the reason")
    for state in ("ringing", "live", "completed", "failed", "busy"):
        assert over.moved(state, "another", SID) == over


def test_old_news_still_tells_which_call_it_is():
    dial = replace(DIAL, state="live").moved("placed", call_sid=SID)
    assert (dial.state, dial.call_sid) == ("live", SID)


def test_a_machine_is_no_conversation():
    dial = replace(DIAL, state="live", machine=True).moved("completed")
    assert (dial.state, dial.reason) == ("machine", "an answering machine answered")
    assert replace(DIAL, state="live", machine=True).moved("failed", "x").state == "failed"


@pytest.mark.parametrize("reported", ["completed", "no_answer", "failed", "canceled"])
def test_what_nobody_wanted_any_more_was_canceled_unless_somebody_had_answered(reported):
    unwanted = replace(DIAL, state="ringing", unwanted=True)
    assert unwanted.moved(reported).state == "canceled"
    assert replace(unwanted, state="live").moved(reported).state == reported


def test_the_states_from_which_a_state_is_reached():
    assert states_up_to("dialing") == ("pending", "dialing")
    assert states_up_to("busy") == ("pending", "dialing", "unknown", "placed", "ringing", "live")
