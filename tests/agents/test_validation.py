from __future__ import annotations

import textwrap
from datetime import date

import pytest

from phoneagent.core.agents import (
    Agent,
    BargeIn,
    Destination,
    Dtmf,
    Idle,
    Limits,
    Line,
    Recording,
    Transcription,
    TurnDetection,
)
from tests.agents.folder import Folder


def test_an_empty_front_matter_is_the_default_agent(folder: Folder):
    folder.write("ada", "", prompt="You are Ada.")
    ada = folder.open().by_name("ada")
    assert ada is not None
    assert ada == Agent(name="ada", prompt="You are Ada.", version=ada.version)


def test_every_key_arrives_in_the_agent(folder: Folder):
    folder.write(
        "ada",
        """
        numbers: ["+1 (555) 010-0", +15550101]
        greeting: {instruction: Greet the caller in a seasonal way.}
        language: en-GB
        timezone: Europe/London
        model: gpt-realtime-2.1-mini
        voice: {id: voice_1234}
        speed: 1.25
        reasoning: xhigh
        turn_detection: {type: semantic_vad, eagerness: low}
        noise_reduction: off
        transcription: {model: gpt-transcribe, language: de, prompt: A dentist., keywords: [molar, crown]}
        truncation: 0.8
        max_output_tokens: 2000
        tools: [end_call, book, transfer_call]
        tool_choice: book
        transfer: {reception: "+1 555 0111"}
        barge_in: {after_ms: 300}
        protect_greeting: true
        idle: {after_s: 5, times: 1, prompt: Hello?, goodbye: {instruction: Take your leave.}}
        limits: {max_minutes: 3, warn_s: 20, warning: Soon., goodbye: Bye.}
        dtmf: {terminator: "*", length: 4, pause_s: 1.5}
        recording: on
        apology: Sorry!
        """,
        prompt="\n\nYou are Ada.\n",
    )
    directory = folder.open()
    assert folder.problems(directory) == []
    ada = directory.by_name("ada")
    assert ada is not None
    assert ada == Agent(
        name="ada",
        prompt="You are Ada.",
        version=ada.version,
        numbers=("+15550100", "+15550101"),
        greeting=Line("Greet the caller in a seasonal way.", exact=False),
        language="en-GB",
        timezone="Europe/London",
        model="gpt-realtime-2.1-mini",
        voice="voice_1234",
        speed=1.25,
        reasoning="xhigh",
        turn_detection=TurnDetection("semantic_vad", silence_duration_ms=None, eagerness="low"),
        noise_reduction=None,
        transcription=Transcription("gpt-transcribe", "de", "A dentist.", ("molar", "crown")),
        truncation=0.8,
        max_output_tokens=2000,
        tool_choice="book",
        tools=("end_call", "book", "transfer_call"),
        transfer={"reception": Destination("+15550111")},
        barge_in=BargeIn(after_ms=300, protect_greeting=True),
        idle=Idle(5, 1, Line("Hello?"), Line("Take your leave.", exact=False)),
        limits=Limits(3, 20, Line("Soon."), Line("Bye.")),
        dtmf=Dtmf("*", 4, 1.5),
        recording=Recording("on"),
        apology="Sorry!",
    )


@pytest.mark.parametrize(
    ("front", "field", "value"),
    [
        ("greeting: none", "greeting", None),
        ("idle: off", "idle", None),
        ("transcription: off", "transcription", Transcription(None)),
        ("transcription: gpt-transcribe", "transcription", Transcription("gpt-transcribe")),
        ("noise_reduction: far_field", "noise_reduction", "far_field"),
        ("truncation: disabled", "truncation", "disabled"),
        ("max_output_tokens: inf", "max_output_tokens", None),
        ("barge_in: never", "barge_in", BargeIn(None)),
        ("barge_in: always", "barge_in", BargeIn(0)),
        ('dtmf: {terminator: ""}', "dtmf", Dtmf("")),
    ],
)
def test_short_forms(folder: Folder, front: str, field: str, value: object):
    folder.write("ada", front)
    directory = folder.open()
    assert folder.problems(directory) == []
    assert getattr(directory.by_name("ada"), field) == value


def test_five_mistakes_are_told_at_once_each_in_its_place(folder: Folder):
    (folder.path / "ada.md").write_text(
        textwrap.dedent(
            """\
            ---
            numbers: ["030 123456"]
            voise: marin
            speed: 2
            idle:
              after_s: 5
              promt: Hello?
            tools:
              - end_call
              - book_tabel
            ---

            Hello
            {{callr}}!
            """
        )
    )
    assert folder.problems(folder.open(tools={"end_call", "book_table"})) == [
        "ada.md:2:11: numbers[1]: '030 123456' has no country code: write it as +1…, "
        "or set PHONEAGENT_REGION (for example US)",
        "ada.md:3:1: voise: unknown key, did you mean 'voice'?",
        "ada.md:4:8: speed: must be less than or equal to 1.5, got 2",
        "ada.md:7:3: idle.promt: unknown key, did you mean 'prompt'?",
        "ada.md:10:5: tools[2]: no tool 'book_tabel', did you mean 'book_table'?",
        "ada.md:14:1: unknown variable {{callr}}: did you mean {{caller}}?",
    ]


@pytest.mark.parametrize(
    ("front", "problem"),
    [
        (
            "voice: nova",
            "2:8: voice: 'nova' is a voice of the speech API only: choose one of "
            "alloy, ash, ballad, cedar, coral, echo, marin, sage, shimmer, verse",
        ),
        (
            "voice: bob",
            "2:8: voice: must be one of alloy, ash, ballad, cedar, coral, echo, marin, sage, shimmer, verse, "
            "got 'bob'; a custom voice or one of another server is written {id: …}",
        ),
        (
            "model: gpt-realtime-1.5\nreasoning: low",
            "3:12: reasoning: gpt-realtime-1.5 doesn't reason: leave this out, or use gpt-realtime-2.1",
        ),
        (
            "reasoning: much",
            "2:12: reasoning: must be 'minimal', 'low', 'medium', 'high' or 'xhigh', got 'much'",
        ),
        ("model: gpt-live-1", "2:8: model: gpt-live-1 doesn't speak the Realtime protocol; use gpt-realtime-2.1"),
        (f"model: {'m' * 129}", "2:8: model: must have at most 128 characters, not 129"),
        (
            f"transcription: {{model: {'m' * 129}}}",
            "2:24: transcription.model: must have at most 128 characters, not 129",
        ),
        (
            "turn_detection: {type: semantic_vad, threshold: 0.5}",
            "2:49: turn_detection.threshold: belongs to type: server_vad",
        ),
        ("turn_detection: {eagerness: low}", "2:29: turn_detection.eagerness: belongs to type: semantic_vad"),
        (
            "turn_detection: {idle_timeout_ms: 100}",
            "2:35: turn_detection.idle_timeout_ms: must be greater than or equal to 5000, got 100",
        ),
        (
            "transcription: {model: whisper-1, keywords: [x]}",
            "2:45: transcription.keywords: whisper-1 takes none; use gpt-live-transcribe or gpt-transcribe",
        ),
        ("barge_in: sometimes", "2:11: barge_in: must be always, never or {after_ms: N}, got 'sometimes'"),
        ("recording: maybe", "2:12: recording: must be off, on, ask or {mode: on or ask, line: a text}, got 'maybe'"),
        ("barge_in: {after_ms: soon}", "2:22: barge_in.after_ms: must be integer, got 'soon'"),
        ("truncation: 1.5", "2:13: truncation: must be auto, disabled or a ratio above 0 and up to 1, got 1.5"),
        (
            "max_output_tokens: 5000",
            "2:20: max_output_tokens: must be a whole number from 1 to 4096, or inf, got 5000",
        ),
        ("greeting: Hello {{caller}}!", "2:11: greeting: {{…}} is filled in in the prompt only"),
        ("greeting: {instruction: x, tone: y}", "2:28: greeting.tone: unknown key; there are instruction"),
        ("greeting:", "2:10: greeting: has no value; write off if there is to be none"),
        ("apology:", "2:9: apology: has no value"),
        ("limits: 15", "2:9: limits: must be lines of `key: value`, got 15"),
        ('numbers: "+15550100"', "2:10: numbers: must be a list: [one, other], got '+15550100'"),
        ('numbers: ["+1555"]', "2:11: numbers[1]: '+1555' has too few or too many digits for a telephone number"),
        ("numbers: [reception]", "2:11: numbers[1]: 'reception' is not a telephone number"),
        ("numbers: *", '2:11: write "*" in quotes'),
        ("timezone: Europe/Berln", "2:11: timezone: unknown time zone 'Europe/Berln': did you mean Europe/Berlin?"),
        ("language: English", "2:11: language: is not in the form that it must have, got 'English'"),
        (
            "tool_choice: book",
            "2:14: tool_choice: must be auto, none, required or one of the agent's tools, got 'book'",
        ),
        (
            "dtmf:\n  terminator: #",
            '3:16: dtmf.terminator: write it in quotes ("#"): without them, # begins a comment',
        ),
        ("voice: ash\nvoice: ash", "3:1: the key 'voice' is there twice"),
        (
            "tools: [a, b",
            "2:13: not readable as YAML: expected ',' or ']', but got '<stream end>', "
            "while parsing a flow sequence from line 2 on",
        ),
        ("just a sentence", "2: the front matter must be lines of `key: value`"),
        ("dialogue: {}", "2:11: dialogue.intents: is missing"),
        (
            "dialogue: {intents: {book: {phrases: [book], reply: Done., tool: book}}}",
            "2:66: dialogue.intents.book.tool: must be one of the agent's tools, got 'book'",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_to_do(folder: Folder, front: str, problem: str):
    folder.write("ada", front)
    directory = folder.open()
    assert folder.problems(directory) == [f"ada.md:{problem}"]
    assert directory.by_name("ada") is None


def test_a_file_that_is_no_agent_file(folder: Folder):
    (folder.path / "a.md").write_text("You are Ada.")
    (folder.path / "b.md").write_text("---\nvoice: ash\nYou are Ada.")
    (folder.path / "c.md").write_bytes(b"---\n---\nF\xfcr Elise")
    (folder.path / "d e.md").write_text("---\n---\nHello")
    folder.write("e", prompt="")
    (folder.path / "f.md").mkdir()
    folder.write("README", prompt="")
    folder.write("_draft", prompt="")
    assert folder.problems(folder.open()) == [
        "a.md:1: must begin with front matter between two lines of ---",
        "b.md:1: the front matter is not closed by a second line of ---",
        "c.md:3: is not UTF-8 text; save it as UTF-8",
        "d e.md: the file's name may have letters, digits, - and _ only: it is the agent's name",
        "e.md:5: the prompt, the text below the second ---, is empty",
        "f.md: can't be read: Is a directory",
    ]


def test_windows_line_ends_and_a_byte_order_mark_make_no_difference(folder: Folder):
    (folder.path / "ada.md").write_bytes("\ufeff---\r\nvoice: ash\r\nspeed: 9\r\n---\r\nHello\r\n".encode())
    assert folder.problems(folder.open()) == ["ada.md:3:8: speed: must be less than or equal to 1.5, got 9"]


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2026, 10, 21), []),
        (
            date(2026, 10, 22),
            ["will be shut down on 2027-01-20, in 90 days; use gpt-realtime-2.1-mini"],
        ),
        (date(2027, 1, 20), ["was shut down on 2027-01-20; use gpt-realtime-2.1-mini"]),
    ],
)
def test_a_model_that_ends_soon_is_warned_of_and_still_answers(folder: Folder, today: date, expected: list[str]):
    folder.write("ada", "model: gpt-realtime-mini")
    directory = folder.open(today=lambda: today)
    assert folder.problems(directory) == [f"ada.md:2:8: warning: model: gpt-realtime-mini {end}" for end in expected]
    assert directory.by_name("ada") is not None


def test_default_lines_of_another_language_become_instructions(folder: Folder):
    folder.write("ada", "language: de\ngreeting: Guten Tag!\napology: Entschuldigung!\nlimits: {max_minutes: 3}")
    directory = folder.open()
    assert folder.problems(directory) == []
    ada = directory.by_name("ada")
    assert ada is not None
    assert ada.idle is not None
    assert ada.greeting == Line("Guten Tag!")
    defaults = (ada.idle.prompt, ada.idle.goodbye, ada.limits.warning, ada.limits.goodbye)
    assert not any(line.exact for line in defaults)
    assert ada.idle.prompt.text == "Say to the caller, in the language 'de' and not in English: Are you still there?"


def test_an_apology_in_english_for_an_agent_of_another_language_is_warned_of(folder: Folder):
    folder.write("ada", "language: de")
    assert folder.problems(folder.open()) == [
        "ada.md:2:11: warning: language: the apology is spoken by the carrier and in English: write one in de"
    ]


def test_a_dialogue_reaches_the_agent_as_it_was_written(folder: Folder):
    folder.write("ada", "dialogue: {intents: {hours: {phrases: [opening hours], reply: From nine.}}}", prompt="")
    ada = folder.open().by_name("ada")
    assert ada is not None
    assert ada.dialogue == {"intents": {"hours": {"phrases": ["opening hours"], "reply": "From nine."}}}
