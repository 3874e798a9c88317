"""What may be wrong with settings that are each fine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from phoneagent import parsers

OPENAI_BASE_URL = "https://api.openai.com/v1"
OURS = "PHONEAGENT_"


def engine_of(values: Mapping[str, Any]) -> str:
    """What is to hold the conversations, `auto` resolved."""
    engine: str = values.get("engine", "auto")
    if engine == "auto":
        return "openai" if "openai_api_key" in values else "local"
    return engine


def contradictions(values: Mapping[str, Any]) -> list[str]:
    """What is wrong with values that are each fine."""

    def missing(name: str) -> bool:
        return name not in values

    problems = []
    engine = engine_of(values)
    elsewhere = values.get("openai_base_url", OPENAI_BASE_URL) != OPENAI_BASE_URL
    if engine == "openai" and missing("openai_api_key") and not elsewhere:
        problems.append("OPENAI_API_KEY must be set for PHONEAGENT_ENGINE=openai (or use local, which needs no key)")
    if engine == "azure":
        problems += [
            f"{name.upper()} must be set for PHONEAGENT_ENGINE=azure"
            for name in ("azure_openai_endpoint", "azure_openai_api_key")
            if missing(name)
        ]
    host = urlsplit(values.get("public_url", "")).hostname
    if missing("twilio_auth_token") and host not in (None, *parsers.LOOPBACK):
        problems.append(
            "TWILIO_AUTH_TOKEN must be set with PHONEAGENT_PUBLIC_URL: without it nothing from outside is served"
        )
    if missing("twilio_api_key") != missing("twilio_api_secret"):
        problems.append("TWILIO_API_KEY and TWILIO_API_SECRET must be set together")
    if not missing("twilio_api_key") and missing("twilio_account_sid"):
        problems.append("TWILIO_ACCOUNT_SID must be set with TWILIO_API_KEY")
    if not missing("recordings_url") and missing("aws_access_key_id") != missing("aws_secret_access_key"):
        problems.append("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set together")
    if missing("twilio_auth_token") and not missing("twilio_auth_token_next"):
        problems.append("TWILIO_AUTH_TOKEN must be set with PHONEAGENT_TWILIO_AUTH_TOKEN_NEXT")
    if missing("after_call_url"):
        if not missing("after_call_api_key"):
            problems.append(f"{OURS}AFTER_CALL_URL must be set with {OURS}AFTER_CALL_API_KEY")
        if not missing("after_call_model") and missing("openai_api_key"):
            problems.append(
                f"{OURS}AFTER_CALL_URL must say where {OURS}AFTER_CALL_MODEL is, as there is no OPENAI_API_KEY"
            )
    elif missing("after_call_model"):
        problems.append(f"{OURS}AFTER_CALL_MODEL must name the model of {OURS}AFTER_CALL_URL")
    for part in ("llm", "stt", "tts"):
        if missing(f"{part}_url"):
            problems += [
                f"{OURS}{part.upper()}_URL must be set with {OURS}{name.upper()}"
                for name in (f"{part}_model", f"{part}_voice", f"{part}_api_key")
                if not missing(name)
            ]
        elif missing(f"{part}_model"):
            problems.append(f"{OURS}{part.upper()}_MODEL must name the model of {OURS}{part.upper()}_URL")
    return problems
