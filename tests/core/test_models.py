"""What is known of models, and how a file's problems are told."""

from datetime import date, timedelta

import pytest

from phoneagent.core.models import reasons, shut_down_notice, speaks_realtime, transcription_takes
from phoneagent.core.problems import FileProblem

END = date(2027, 1, 20)


@pytest.mark.parametrize(
    ("model", "expected"),
    [("gpt-realtime-2.1", True), ("gpt-realtime-2.1-mini", True), ("gpt-realtime", False), ("gpt-realtime-1.5", False)],
)
def test_reasoning_is_for_models_that_reason(model: str, expected: bool):
    assert reasons(model) is expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [("gpt-realtime-2.1", True), ("somebody-elses", True), ("gpt-live-1", False), ("gpt-realtime-whisper", False)],
)
def test_models_of_another_protocol_are_known(model: str, expected: bool):
    assert speaks_realtime(model) is expected


@pytest.mark.parametrize(
    ("model", "keywords", "prompt"),
    [("gpt-live-transcribe", True, True), ("whisper-1", False, True), ("gpt-realtime-whisper", False, False)],
)
def test_what_a_transcription_takes(model: str, keywords: bool, prompt: bool):
    assert (transcription_takes(model, "keywords"), transcription_takes(model, "prompt")) == (keywords, prompt)


@pytest.mark.parametrize(
    ("days_left", "notice"),
    [
        (91, None),
        (90, "gpt-realtime will be shut down on 2027-01-20, in 90 days; use gpt-realtime-2.1"),
        (1, "gpt-realtime will be shut down on 2027-01-20, in 1 days; use gpt-realtime-2.1"),
        (0, "gpt-realtime was shut down on 2027-01-20; use gpt-realtime-2.1"),
    ],
)
def test_the_end_of_a_model_is_told_from_90_days_before(days_left: int, notice: str | None):
    assert shut_down_notice("gpt-realtime", END - timedelta(days=days_left)) == notice


def test_a_model_without_a_published_end_has_none():
    assert shut_down_notice("gpt-realtime-2.1", date(2099, 1, 1)) is None


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (FileProblem("agents/a.md", 3, 7, "voice: unknown"), "agents/a.md:3:7: voice: unknown"),
        (FileProblem("agents/a.md", 0, 0, "can't be read", "warning"), "agents/a.md: warning: can't be read"),
    ],
)
def test_a_problem_says_where_it_is(problem: FileProblem, text: str):
    assert str(problem) == text
