"""What an agent file says of the record of a call."""

from __future__ import annotations

import pytest

from phoneagent.agents.schema import json_schema
from phoneagent.core.agents import QUESTION, AfterCall, Agent, Dtmf, Line, Recording, Redaction, Retention
from tests.agents.folder import Folder


def ada(folder: Folder, front: str) -> Agent:
    """The agent of a front matter without errors."""
    folder.write("ada", front)
    directory = folder.open()
    agent = directory.by_name("ada")
    assert agent is not None, folder.problems(directory)
    return agent


def test_how_long_the_pieces_of_a_record_are_kept(folder: Folder):
    agent = ada(folder, "retention: {recording_days: 30, transcript_days: 365, call_days: 365}")
    assert agent.retention == Retention(recording_days=30, transcript_days=365, call_days=365)


def test_retention_is_inherited_each_by_itself(folder: Folder):
    folder.write("base", "retention: {recording_days: 30, transcript_days: 365}")
    assert ada(folder, "extends: base\nretention: {recording_days: 7}").retention == Retention(7, 365)


def test_fields_are_found_by_their_descriptions_and_null_where_nothing_was_said(folder: Folder):
    agent = ada(
        folder,
        """
        after_call:
          summary: true
          prompt: Two sentences.
          extract: {reason: Why they called., people: {type: integer, minimum: 1}}
        """,
    )
    assert agent.after_call == AfterCall(
        True,
        "Two sentences.",
        {
            "type": "object",
            "properties": {
                "reason": {"anyOf": [{"type": "string", "description": "Why they called."}, {"type": "null"}]},
                "people": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
            },
            "required": ["reason", "people"],
            "additionalProperties": False,
        },
    )


def test_a_whole_schema_stays_as_it_is(folder: Folder):
    agent = ada(folder, "after_call: {extract: {type: object, properties: {reason: {type: string}}}}")
    assert agent.after_call.extract == {"type": "object", "properties": {"reason": {"type": "string"}}}


def test_what_is_taken_out_of_the_record(folder: Folder):
    agent = ada(folder, r"redaction: {kinds: [cvv, card, iban], patterns: {policy: 'LL-\d{6}'}}")
    assert agent.redaction == Redaction(("cvv", "card", "iban"), {"policy": r"LL-\d{6}"})


@pytest.mark.parametrize(
    ("written", "recording"),
    [
        ("off", Recording()),
        ("on", Recording("on")),
        ("{mode: on, line: We record this.}", Recording("on", Line("We record this."))),
        ("{mode: ask, line: {instruction: Ask kindly.}}", Recording("ask", Line("Ask kindly.", exact=False))),
        ("ask", Recording("ask", QUESTION)),
    ],
)
def test_who_is_recorded_and_what_is_said_of_it(folder: Folder, written: str, recording: Recording):
    assert ada(folder, f"recording: {written}").recording == recording


def test_who_is_asked_is_asked_in_the_agents_language_and_the_agent_can_pass_the_answer_on(folder: Folder):
    agent = ada(folder, "language: de\nrecording: ask")
    assert agent.recording.line is not None
    assert "in the language 'de'" in agent.recording.line.text
    assert agent.tools == ("end_call", "recording_consent")


def test_keys_that_are_a_secret_and_a_log_to_be_replayed(folder: Folder):
    agent = ada(folder, "dtmf: {length: 4, secure: true}\nevent_log: on")
    assert agent.dtmf == Dtmf(length=4, secure=True)
    assert agent.event_log


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (
            "recording: {mode: off, line: Hello.}",
            "2:30: recording.line: belongs to mode: on or mode: ask",
        ),
        ("tools: [recording_consent]", "2:9: tools[1]: needs `recording: ask`, which adds it"),
        ("retention: {recording_days: 0}", "2:29: retention.recording_days: must be greater than or equal to 1, got 0"),
        (
            "retention: {recording_days: 60, call_days: 30}",
            "2:29: retention.recording_days: the whole record goes after 30 days (call_days): write that or less",
        ),
        (
            "retention: {call_days: 30, transcript_days: 31}",
            "2:45: retention.transcript_days: the whole record goes after 30 days (call_days): write that or less",
        ),
        ("retention: {days: 3}", "2:13: retention.days: unknown key, did you mean 'call_days'?"),
        ("after_call: {extract: {}}", "2:23: after_call.extract: must not be empty"),
        (
            "after_call: {extract: {people: 4}}",
            "2:32: after_call.extract.people: must be a description, or a JSON Schema as in "
            "{type: integer, description: …}",
        ),
        ("after_call: {prompt: 'For {{caller}}'}", "2:22: after_call.prompt: {{…}} is filled in in the prompt only"),
        ("after_call: {prompt: Short.}", "2:22: warning: after_call.prompt: is of no use without summary: true"),
        ("redaction: {kinds: [cvv, iban]}", "2:20: redaction.kinds: cards are never kept: add card"),
        ("redaction: {kinds: off}", "2:20: redaction.kinds: must be a list: [one, other], got 'off'"),
        ("redaction: {kinds: [card, cvv, phone]}", "2:32: redaction.kinds[3]: must be 'card', 'cvv', 'iban', "),
        (
            r"redaction: {patterns: {policy: 'LL-\d+'}}",
            "2:32: redaction.patterns.policy: the pattern 'policy' repeats without end by +: write how often, such as",
        ),
        ("event_log: sometimes", "2:12: event_log: must be on or off, got 'sometimes'"),
        ("dtmf: {secure: on}", "2:16: dtmf.secure: must be boolean, got 'on'"),
    ],
)
def test_a_slip_is_refused_with_its_line(folder: Folder, written: str, problem: str):
    folder.write("ada", written)
    problems = folder.problems(folder.open())
    assert len(problems) == 1
    assert problems[0].startswith(f"ada.md:{problem}")


def test_editors_are_told_of_them():
    schema = json_schema()
    assert schema["$defs"]["RedactionKeys"]["properties"]["kinds"]["default"] == ["card", "cvv", "iban", "ssn", "email"]
    assert schema["properties"]["event_log"]["default"] == "off"
