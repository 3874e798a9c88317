"""The rate at which calls are begun."""

from __future__ import annotations

from phoneagent.calls.outbound_pace import Pace


def test_turns_of_a_number_come_one_after_the_other():
    now = 100.0
    pace = Pace(2.0, lambda: now)
    assert [pace.take("+15550100") for _ in range(3)] == [0.5, 1.0, 1.5]
    now = 101.0
    assert pace.take("+15550100") == 1.0


def test_each_number_has_its_own_turns():
    pace = Pace(1.0, lambda: 0.0)
    assert [pace.take(number) for number in ("+15550100", "+15550101", "+15550100")] == [1.0, 1.0, 2.0]


def test_a_number_that_was_quiet_may_dial_at_once_but_not_more_often():
    now = 0.0
    pace = Pace(1.0, lambda: now)
    now = 60.0
    assert [pace.take("+15550100") for _ in range(2)] == [0.0, 1.0]
