"""What a session is asked for, held against OpenAI's own types, and what it must confirm."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from openai.types.realtime import RealtimeSessionCreateRequest, SessionUpdateEvent

from phoneagent.core.agents import Agent, BargeIn, McpServer, ToolSpec, Transcription, TurnDetection
from phoneagent.core.errors import Problem
from phoneagent.core.secrets import UnknownSecretError
from phoneagent.engines.realtime.configure import (
    change_of_agent,
    confirm,
    mcp_server,
    refuses_format,
    session_update,
)
from phoneagent.engines.realtime.encode import configuration
from tests.engines.realtime.openai_types import further_fields

AGENT = Agent("reception")
BOOK = ToolSpec("book_table", "Book a table.", {"type": "object", "properties": {}})


def test_an_empty_agent_file_asks_for_a_phone_call():
    assert session_update(AGENT, "You are Ada.", (BOOK,), "pcmu") == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": "You are Ada.",
        "audio": {
            "input": {
                "format": {"type": "audio/pcmu"},
                "noise_reduction": {"type": "near_field"},
                "transcription": {"model": "gpt-live-transcribe", "languages": ["en"]},
                "turn_detection": {
                    "type": "server_vad",
                    "silence_duration_ms": 500,
                    "create_response": True,
                    "interrupt_response": True,
                },
            },
            "output": {"format": {"type": "audio/pcmu"}, "voice": "marin", "speed": 1.0},
        },
        "tools": [
            {
                "type": "function",
                "name": "book_table",
                "description": "Book a table.",
                "parameters": {"type": "object", "properties": {}},
            }
        ],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "truncation": "auto",
    }


EVERYTHING = replace(
    AGENT,
    voice="cedar",
    speed=1.25,
    reasoning="low",
    noise_reduction="far_field",
    turn_detection=TurnDetection("server_vad", 0.6, 200, 400, 8000),
    transcription=Transcription("gpt-transcribe", "de-AT", "A restaurant.", ("Blue Door",)),
    truncation=0.8,
    max_output_tokens=2000,
    tool_choice="book_table",
    dialogue={"intents": []},
)


def test_everything_that_an_agent_file_can_say_is_sent():
    session = session_update(EVERYTHING, "", (BOOK,), "pcm")
    heard, spoken = session["audio"]["input"], session["audio"]["output"]
    assert heard["format"] == spoken["format"] == {"type": "audio/pcm", "rate": 24000}
    assert heard["noise_reduction"] == {"type": "far_field"}
    assert heard["transcription"] == {
        "model": "gpt-transcribe",
        "languages": ["de"],
        "prompt": "A restaurant.",
        "keywords": ["Blue Door"],
    }
    assert heard["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.6,
        "prefix_padding_ms": 200,
        "silence_duration_ms": 400,
        "idle_timeout_ms": 8000,
        "create_response": True,
        "interrupt_response": True,
    }
    assert (spoken["voice"], spoken["speed"]) == ("cedar", 1.25)
    assert session["reasoning"] == {"effort": "low"}
    assert session["truncation"] == {"type": "retention_ratio", "retention_ratio": 0.8}
    assert session["max_output_tokens"] == 2000
    assert session["tool_choice"] == {"type": "function", "name": "book_table"}
    assert "dialogue" not in session


def test_what_is_off_is_null():
    agent = replace(AGENT, noise_reduction=None, transcription=Transcription(model=None))
    heard = session_update(agent, "", (), "pcmu")["audio"]["input"]
    assert heard["noise_reduction"] is None
    assert heard["transcription"] is None


def test_semantic_turn_detection_has_fields_of_its_own():
    agent = replace(AGENT, turn_detection=TurnDetection("semantic_vad", threshold=0.5, eagerness="low"))
    assert session_update(agent, "", (), "pcmu")["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "low",
        "create_response": True,
        "interrupt_response": True,
    }


@pytest.mark.parametrize("barge_in", [BargeIn(after_ms=400), BargeIn(after_ms=None), BargeIn(protect_greeting=True)])
def test_a_bridge_that_decides_on_barge_in_leaves_nothing_to_the_session(barge_in: BargeIn):
    detection = session_update(replace(AGENT, barge_in=barge_in), "", (), "pcmu")["audio"]["input"]["turn_detection"]
    assert (detection["create_response"], detection["interrupt_response"]) == (False, False)


@pytest.mark.parametrize(
    ("model", "reasons"),
    [
        ("gpt-realtime-2", True),
        ("gpt-realtime-2.1", True),
        ("gpt-realtime-2.1-mini", True),
        ("gpt-realtime-2-2026-05-07", True),
        ("phone-gpt-realtime-2.1-eu", True),  # an Azure deployment
        ("gpt-realtime", False),
        ("gpt-realtime-1.5", False),
        ("gpt-realtime-mini", False),
        ("gpt-realtime-2025-08-28", False),
    ],
)
def test_reasoning_is_for_reasoning_models(model: str, reasons: bool):
    session = session_update(replace(AGENT, model=model, reasoning="low"), "", (), "pcmu")
    assert ("reasoning" in session) is reasons


def test_a_custom_voice_goes_by_its_id():
    session = session_update(replace(AGENT, voice="voice_abc"), "", (), "pcmu")
    assert session["audio"]["output"]["voice"] == {"id": "voice_abc"}


@pytest.mark.parametrize(
    ("transcription", "expected"),
    [
        (Transcription("whisper-1", prompt="p", keywords=("k",)), {"language": "en", "prompt": "p"}),
        (Transcription("gpt-realtime-whisper", "fr", prompt="p"), {"language": "fr"}),
    ],
)
def test_other_transcription_models_take_other_hints(transcription: Transcription, expected: dict[str, Any]):
    session = session_update(replace(AGENT, transcription=transcription), "", (), "pcmu")
    assert session["audio"]["input"]["transcription"] == {"model": transcription.model, **expected}


def test_only_the_embedded_engine_hears_of_the_dialogue_and_where_it_is_today():
    agent = replace(EVERYTHING, timezone="Europe/Berlin")
    dialogue = session_update(agent, "", (), "pcmu", dialogue=True)["dialogue"]
    assert dialogue == {"intents": [], "timezone": "Europe/Berlin"}
    assert "dialogue" not in session_update(AGENT, "", (), "pcmu", dialogue=True)


@pytest.mark.parametrize("agent", [AGENT, EVERYTHING, replace(AGENT, turn_detection=TurnDetection("semantic_vad"))])
def test_openais_types_know_every_field(agent: Agent):
    message = configuration(session_update(agent, "You are Ada.", (BOOK,), "pcmu"))
    event = SessionUpdateEvent.model_validate_json(message)
    assert isinstance(event.session, RealtimeSessionCreateRequest)
    assert further_fields(event) == []
    assert json.loads(event.model_dump_json(exclude_unset=True)) == json.loads(message)


# MCP servers that the engine's service uses

CRM = McpServer(url="https://crm.example.com/mcp", headers={"Authorization": "Bearer ${CRM_TOKEN}"}, run_by="model")


def test_an_mcp_server_is_a_tool_of_the_session_with_its_secrets_filled_in():
    assert mcp_server("crm", CRM, {"CRM_TOKEN": "s3cret"}) == {
        "type": "mcp",
        "server_label": "crm",
        "server_url": "https://crm.example.com/mcp",
        "headers": {"Authorization": "Bearer s3cret"},
        "require_approval": "never",
    }
    with pytest.raises(
        UnknownSecretError, match="CRM_TOKEN} is not among the variables that PHONEAGENT_TOOL_SECRETS lists"
    ):
        mcp_server("crm", CRM, {"OTHER": "s3cret"})


def test_the_tools_of_a_server_may_be_few_and_each_use_may_need_an_answer():
    server = McpServer(url="https://crm.example.com/mcp", tools=("find",), run_by="model", confirm=True)
    assert mcp_server("crm", server, {}) == {
        "type": "mcp",
        "server_label": "crm",
        "server_url": "https://crm.example.com/mcp",
        "allowed_tools": ["find"],
        "require_approval": "always",
    }


# Another agent takes over


def test_another_agent_brings_its_prompt_and_its_tools_and_leaves_the_rest():
    billing = replace(AGENT, name="billing", voice="cedar", model="gpt-realtime-2", speed=1.5, tool_choice="book_table")
    assert change_of_agent(AGENT, billing, "You are Bob.", (BOOK,)) == {
        "type": "realtime",
        "instructions": "You are Bob.",
        "tools": session_update(AGENT, "", (BOOK,), "pcmu")["tools"],
        "tool_choice": {"type": "function", "name": "book_table"},
    }


def test_it_hears_in_its_own_way_where_that_is_another():
    billing = replace(AGENT, language="de", barge_in=BargeIn(after_ms=None))
    heard = change_of_agent(AGENT, billing, "", ())["audio"]["input"]
    assert heard == {
        "transcription": {"model": "gpt-live-transcribe", "languages": ["de"]},
        "turn_detection": {
            "type": "server_vad",
            "silence_duration_ms": 500,
            "create_response": False,
            "interrupt_response": False,
        },
    }
    deaf = replace(AGENT, transcription=Transcription(model=None))
    assert change_of_agent(AGENT, deaf, "", ())["audio"]["input"] == {"transcription": None}


def test_the_embedded_engine_changes_its_dialogue_too_or_has_none_any_more():
    assert change_of_agent(AGENT, EVERYTHING, "", (), dialogue=True)["dialogue"] == {"intents": [], "timezone": "UTC"}
    assert change_of_agent(EVERYTHING, AGENT, "", (), dialogue=True)["dialogue"] is None


def test_openais_types_know_every_field_of_a_change():
    servers = [mcp_server("crm", replace(CRM, tools=("find",)), {"CRM_TOKEN": "x"})]
    for session in (
        change_of_agent(AGENT, replace(EVERYTHING, dialogue=None), "You are Bob.", (BOOK,), servers=servers),
        session_update(AGENT, "You are Ada.", (BOOK,), "pcmu", servers=servers),
    ):
        message = configuration(session, "update")
        event = SessionUpdateEvent.model_validate_json(message)
        assert further_fields(event) == []
        assert json.loads(event.model_dump_json(exclude_unset=True)) == json.loads(message)


# What the server must confirm


def audio(heard: object, spoken: object) -> dict[str, Any]:
    return {"audio": {"input": {"format": heard}, "output": {"format": spoken}}}


PCMU, PCM = {"type": "audio/pcmu"}, {"type": "audio/pcm", "rate": 24000}


@pytest.mark.parametrize("requested", [PCMU, PCM])
@pytest.mark.parametrize("more", [{}, {"channels": 1}])
def test_the_formats_asked_for_are_confirmed(requested: dict[str, Any], more: dict[str, Any]):
    confirmed = audio({**requested, **more}, {**requested, **more})
    assert confirm(confirmed, audio(requested, requested)) is None


def test_mu_law_has_one_rate_and_pcm_without_a_rate_the_usual_one():
    assert confirm(audio({**PCMU, "rate": 8000}, PCMU), audio(PCMU, PCMU)) is None
    assert confirm(audio({"type": "audio/pcm"}, PCM), audio(PCM, PCM)) is None


@pytest.mark.parametrize(
    ("config", "direction", "found"),
    [
        (audio(PCM, PCMU), "input", "audio/pcm at 24000 Hz"),
        (audio(PCMU, {"type": "audio/pcma"}), "output", "audio/pcma"),
        (audio(PCMU, None), "output", "not said which"),
        (audio(PCMU, {"type": 7}), "output", "not said which"),
        ({"audio": [], "input_audio_format": "g711_ulaw"}, "input", "not said which"),
        ({}, "input", "not said which"),
    ],
)
def test_any_other_format_is_a_mismatch_that_names_the_field(config: Any, direction: str, found: str):
    assert confirm(config, audio(PCMU, PCMU)) == Problem(
        "format_mismatch",
        f"asked for audio/pcmu, the session has {found}",
        f"session.audio.{direction}.format",
    )


def test_another_rate_is_another_format():
    problem = confirm(audio({"type": "audio/pcm", "rate": 16000}, PCM), audio(PCM, PCM))
    assert problem is not None
    assert problem.message == "asked for audio/pcm at 24000 Hz, the session has audio/pcm at 16000 Hz"


def test_a_refusal_is_about_the_format_by_its_field_or_its_words():
    assert refuses_format(Problem("invalid_value", "", "session.audio.input.format.type"))
    assert refuses_format(Problem("invalid_value", "Unsupported: 'audio/pcmu'."))
    assert not refuses_format(Problem("unknown_parameter", "Unknown parameter.", "session.speed"))
