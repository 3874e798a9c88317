"""`phoneagent replay` in the terminal."""

from __future__ import annotations

import asyncio
import gzip
import runpy
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from phoneagent.cli import main
from phoneagent.core.floor import Floor
from tests.cli.test_calls import ADA, FIRST, called, in_store
from tests.records.test_replay import talk


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return asyncio.run(talk(tmp_path))


def replay(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["replay", *map(str, arguments)])


def test_a_call_that_goes_as_it_went(log):
    result = replay(log)
    assert result.exit_code == 0
    assert result.output.startswith("The same: ")


def test_a_call_that_goes_otherwise_is_shown_with_what_came_before(log, monkeypatch):
    monkeypatch.setattr(Floor, "interrupt", lambda self, now, **_: ())
    result = replay(log)
    assert result.exit_code == 1
    assert "CallerStartedSpeaking turn_id='c1'" in result.output
    assert "- ClearPlayout" in result.output
    assert "DigitPressed" not in result.output, "it came later"


def test_a_call_becomes_a_test_which_passes_until_the_bridge_answers_otherwise(log, tmp_path, monkeypatch):
    assert replay(log, "--to-test", "test_call.py").exit_code == 0
    test = runpy.run_path(str(tmp_path / "test_call.py"))["test_the_call_goes_as_it_went"]
    test()
    assert "exists already" in replay(log, "--to-test", "test_call.py").output
    monkeypatch.setattr(Floor, "interrupt", lambda self, now, **_: ())
    with pytest.raises(AssertionError, match="ClearPlayout"):
        test()


def test_new_answers_are_accepted(log, monkeypatch):
    monkeypatch.setattr(Floor, "interrupt", lambda self, now, **_: ())
    assert replay(log, "--accept").exit_code == 0
    assert replay(log).exit_code == 0


def test_new_answers_are_accepted_into_the_log_that_a_killed_service_has_left_too(log, monkeypatch):
    plain = log.with_suffix("")
    plain.write_bytes(gzip.decompress(log.read_bytes()))
    monkeypatch.setattr(Floor, "interrupt", lambda self, now, **_: ())
    assert replay(plain, "--accept").exit_code == 0
    assert replay(plain).exit_code == 0


def test_a_call_is_named_by_the_beginning_of_its_id_as_in_calls(tmp_path):
    in_store(tmp_path, lambda store: store.entries.apply("i", called(FIRST, ADA)))
    result = CliRunner().invoke(main, ["replay", FIRST[:2]], env={"PHONEAGENT_DATA": str(tmp_path)})
    assert "the call has no event log" in result.output


def test_what_is_neither_a_call_nor_a_log_is_said_to_be_none(log, tmp_path):
    assert "there is no call and no file 'nothing'" in replay("nothing").output
    (tmp_path / "letter.txt").write_text("Dear Ada")
    assert "line 1: no head of an event log" in replay("letter.txt").output
