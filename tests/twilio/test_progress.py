"""What Twilio says of a call that we placed."""

from __future__ import annotations

import pytest

from phoneagent.twilio.progress import Progress, machine

SID = "CA" + "0" * 32


def callback(status: str, **fields: str) -> Progress | None:
    return Progress.parse({"CallSid": SID, "CallStatus": status, **fields})


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("queued", "placed"),
        ("initiated", "placed"),
        ("ringing", "ringing"),
        ("in-progress", "live"),
        ("completed", "completed"),
        ("busy", "busy"),
        ("no-answer", "no_answer"),
        ("failed", "failed"),
        ("canceled", "canceled"),
    ],
)
def test_every_status_has_its_state(status, state):
    progress = callback(status)
    assert (progress.call_sid, progress.state) == (SID, state)
    assert Progress.of(SID, status) == progress


def test_what_came_to_nothing_says_why():
    assert callback("busy").reason == "the line is busy, or the call was declined"
    assert callback("no-answer").reason == "nobody answered"
    assert callback("completed").reason is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"ErrorCode": "13227", "ErrorMessage": "Geo Permission"}, "Geo Permission; calls to this country"),
        ({"ErrorCode": "21216"}, "blocked by Twilio"),
        ({"SipResponseCode": "404"}, "not in use"),
        ({"SipResponseCode": "403"}, "Geo Permissions"),
        ({"SipResponseCode": "488"}, "check the number"),
        ({"ErrorCode": "none"}, "check the number"),
        ({}, "check the number"),
    ],
)
def test_a_failure_says_what_to_do(fields, reason):
    assert reason in callback("failed", **fields).reason


@pytest.mark.parametrize(
    "params", [{}, {"CallSid": SID}, {"CallStatus": "ringing"}, {"CallSid": SID, "CallStatus": "x"}]
)
def test_what_says_nothing_is_nothing(params):
    assert Progress.parse(params) is None


@pytest.mark.parametrize(
    ("answered_by", "kind"),
    [
        ("human", None),
        ("unknown", None),
        ("", None),
        ("fax", "fax"),
        ("machine_start", "machine"),
        ("machine_end_beep", "machine"),
        ("machine_end_silence", "machine"),
    ],
)
def test_who_has_answered(answered_by, kind):
    assert machine({"AnsweredBy": answered_by}) == kind
