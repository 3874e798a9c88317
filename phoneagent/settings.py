# ruff: noqa: RUF009 -- `_setting` is dataclasses.field with a description
"""Settings: the only place that reads the environment.

Each setting is one field of `Settings`: its variable, default, meaning and parser stand together, and the
tables of README.md and .env.example are checked against them.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from dotenv import dotenv_values

from phoneagent import parsers
from phoneagent.contradictions import OPENAI_BASE_URL, OURS, contradictions, engine_of

Origin = Literal["environment", ".env", "default"]
"""Who says what a setting is."""


class SettingsError(ValueError):
    """Settings that cannot be used. `problems` holds one line for each, without any secret's value."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _setting(
    variable: str,
    parse: Callable[[str], object],
    description: str,
    default: object = None,
    *,
    shown: str = "",
) -> Any:
    """A field of `Settings`; `shown` is the default as the documentation words it."""
    secret = parse in (parsers.secret, parsers.password)
    metadata = {"variable": variable, "parse": parse, "description": description, "shown": shown}
    hidden = secret or parse in (parsers.names, parsers.database)  # values of secrets; a password in an address
    return field(default=default, repr=not hidden, metadata=metadata | {"secret": secret})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment says, checked. None is a setting that was not made."""

    # who answers
    engine: Literal["openai", "azure", "local"] = _setting(
        "PHONEAGENT_ENGINE",
        parsers.one_of("auto", "openai", "azure", "local"),
        "What holds the conversation: `openai`, `azure`, `local` (no key needed), or `auto`: "
        "`openai` with a key, else `local`.",
        "auto",
    )
    agents: Path = _setting("PHONEAGENT_AGENTS", parsers.path, "Folder of the agent files.", Path("agents"))
    region: str | None = _setting(
        "PHONEAGENT_REGION",
        parsers.region,
        "Country of the numbers in agent files that are written without `+`, for example `US`.",
    )
    openai_api_key: str | None = _setting("OPENAI_API_KEY", parsers.secret, "Key for OpenAI's Realtime API.")
    openai_base_url: str = _setting(
        "OPENAI_BASE_URL",
        parsers.url,
        "Where the Realtime API is; another server with the same protocol may stand there, without a key.",
        OPENAI_BASE_URL,
    )
    azure_openai_endpoint: str | None = _setting(
        "AZURE_OPENAI_ENDPOINT",
        parsers.url,
        "Azure OpenAI resource, `https://<resource>.openai.azure.com`; an agent's `model` is a deployment.",
    )
    azure_openai_api_key: str | None = _setting("AZURE_OPENAI_API_KEY", parsers.secret, "Key of that resource.")
    realtime_format: Literal["auto", "pcmu", "pcm"] = _setting(
        "PHONEAGENT_REALTIME_FORMAT",
        parsers.one_of("auto", "pcmu", "pcm"),
        "Audio of the session: `pcmu` (the telephone's own), `pcm` (24 kHz, converted), "
        "or `auto`: `pcmu`, and `pcm` for a server that refuses it.",
        "auto",
    )
    # the telephone
    public_url: str | None = _setting(
        "PHONEAGENT_PUBLIC_URL",
        parsers.origin,
        "The https origin under which Twilio reaches this service.",
        shown="this machine only",
    )
    twilio_auth_token: str | None = _setting(
        "TWILIO_AUTH_TOKEN",
        parsers.secret,
        "Proves that a request is Twilio's. Without it only this machine itself can call.",
    )
    twilio_auth_token_next: str | None = _setting(
        "PHONEAGENT_TWILIO_AUTH_TOKEN_NEXT",
        parsers.secret,
        "A second accepted token, while the first is being replaced.",
    )
    twilio_account_sid: str | None = _setting(
        "TWILIO_ACCOUNT_SID",
        parsers.secret,
        "The account, for what needs Twilio's REST API: transfers, text messages, outbound calls.",
    )
    twilio_api_key: str | None = _setting(
        "TWILIO_API_KEY", parsers.secret, "API key for it, in place of the auth token.", shown="the auth token"
    )
    twilio_api_secret: str | None = _setting("TWILIO_API_SECRET", parsers.secret, "The API key's secret.")
    twilio_api_url: str = _setting(
        "PHONEAGENT_TWILIO_API_URL",
        parsers.url,
        "Where that API is: a region's, or a fake one for tests.",
        "https://api.twilio.com",
    )
    calls_per_second: float = _setting(
        "PHONEAGENT_CALLS_PER_SECOND",
        parsers.rate,
        "Outbound calls begun per second and number, as Twilio allows.",
        1.0,
    )
    ngrok_authtoken: str | None = _setting(
        "NGROK_AUTHTOKEN", parsers.secret, "Your ngrok account, for `phoneagent dev`."
    )
    # the console
    admin_password: str | None = _setting(
        "PHONEAGENT_ADMIN_PASSWORD",
        parsers.password,
        "Lets in to the console whoever logs in as `admin` with it; further users: `phoneagent users`.",
        shown="this machine only, without users and public URL",
    )
    # tools
    tool_secrets: tuple[tuple[str, str], ...] = _setting(  # names and values
        "PHONEAGENT_TOOL_SECRETS",
        parsers.names,
        "Names of the variables that agent files may use as `${NAME}`, separated by commas.",
        (),
        shown="none",
    )
    tool_workers: int = _setting("PHONEAGENT_TOOL_WORKERS", parsers.whole(1, 64), "Processes that run Python tools.", 4)
    tool_memory_mb: int = _setting(
        "PHONEAGENT_TOOL_MEMORY_MB", parsers.whole(64, 65_536), "Memory that each of them may use, in MiB.", 512
    )
    # the service
    host: str = _setting("PHONEAGENT_HOST", parsers.text, "Address to listen on.", "127.0.0.1")
    port: int = _setting("PHONEAGENT_PORT", parsers.whole(0, 65535), "Port to listen on; `0` takes a free one.", 8000)
    max_calls: int = _setting("PHONEAGENT_MAX_CALLS", parsers.whole(1, 100_000), "Calls at the same time.", 100)
    drain_s: float = _setting(
        "PHONEAGENT_DRAIN_S", parsers.seconds, "Seconds that running calls may go on for after SIGTERM.", 600.0
    )
    database_url: str | None = _setting(
        "PHONEAGENT_DATABASE_URL",
        parsers.database,
        "Where records are kept: `postgresql://…`, or `sqlite:///path`.",
        shown="SQLite in `PHONEAGENT_DATA`",
    )
    data: Path = _setting("PHONEAGENT_DATA", parsers.path, "Folder for what calls leave behind.", Path("data"))
    recording_format: Literal["wav", "flac", "opus"] = _setting(
        "PHONEAGENT_RECORDING_FORMAT",
        parsers.one_of("wav", "flac", "opus"),
        "Form of the recordings: `wav`, `flac` or `opus`.",
        "wav",
    )
    recordings_url: str | None = _setting(
        "PHONEAGENT_RECORDINGS_URL",
        parsers.bucket,
        "Where recordings go after their calls: `s3://bucket/prefix`, at Amazon or any store with its protocol.",
        shown="they stay in `PHONEAGENT_DATA`",
    )
    aws_endpoint_url: str | None = _setting(
        "AWS_ENDPOINT_URL", parsers.url, "Where that store is, if not at Amazon.", shown="Amazon"
    )
    aws_region: str | None = _setting(
        "AWS_REGION", parsers.text, "The bucket's region.", shown="as for Amazon's own programs"
    )
    aws_access_key_id: str | None = _setting(
        "AWS_ACCESS_KEY_ID", parsers.secret, "Key for the bucket.", shown="as for Amazon's own programs"
    )
    aws_secret_access_key: str | None = _setting("AWS_SECRET_ACCESS_KEY", parsers.secret, "The key's secret.")
    log: Literal["human", "json"] | None = _setting(
        "PHONEAGENT_LOG",
        parsers.one_of("human", "json"),
        "Form of the log lines, `human` or `json`.",
        shown="`human` in a terminal, else `json`",
    )
    log_level: str = _setting(
        "PHONEAGENT_LOG_LEVEL",
        parsers.one_of("debug", "info", "warning", "error"),
        "`debug`, `info`, `warning` or `error`.",
        "info",
    )
    prices: Path | None = _setting(
        "PHONEAGENT_PRICES", parsers.path, "File with prices of your own, in the form of `phoneagent/prices.toml`."
    )
    day_usd: Decimal | None = _setting(
        "PHONEAGENT_DAY_USD",
        parsers.dollars,
        "US dollars that all calls of a day (UTC) may cost together.",
        shown="no limit",
    )
    # after the call
    after_call_model: str | None = _setting(
        "PHONEAGENT_AFTER_CALL_MODEL",
        parsers.up_to(128),  # core.models.LONGEST
        "Language model for summaries and fields after the call, for agents with `after_call`.",
    )
    after_call_url: str | None = _setting(
        "PHONEAGENT_AFTER_CALL_URL",
        parsers.url,
        "OpenAI-compatible server that has it.",
        shown="`OPENAI_BASE_URL`, with its key",
    )
    after_call_api_key: str | None = _setting(
        "PHONEAGENT_AFTER_CALL_API_KEY", parsers.secret, "That server's key, if it wants one."
    )
    # the embedded engine
    llm_url: str | None = _setting(
        "PHONEAGENT_LLM_URL",
        parsers.url,
        "OpenAI-compatible server that thinks for the embedded engine, for example `http://127.0.0.1:11434/v1`.",
        shown="the agent's `dialogue`",
    )
    llm_model: str | None = _setting("PHONEAGENT_LLM_MODEL", parsers.text, "Its model.")
    llm_api_key: str | None = _setting("PHONEAGENT_LLM_API_KEY", parsers.secret, "Its key, if it wants one.")
    stt_url: str | None = _setting(
        "PHONEAGENT_STT_URL",
        parsers.url,
        "OpenAI-compatible server that recognises speech for it (`/audio/transcriptions`).",
        shown="pocketsphinx",
    )
    stt_model: str | None = _setting("PHONEAGENT_STT_MODEL", parsers.text, "Its model.")
    stt_api_key: str | None = _setting("PHONEAGENT_STT_API_KEY", parsers.secret, "Its key, if it wants one.")
    tts_url: str | None = _setting(
        "PHONEAGENT_TTS_URL",
        parsers.url,
        "OpenAI-compatible server that speaks for it (`/audio/speech`).",
        shown="espeak-ng",
    )
    tts_model: str | None = _setting("PHONEAGENT_TTS_MODEL", parsers.text, "Its model.")
    tts_voice: str | None = _setting("PHONEAGENT_TTS_VOICE", parsers.text, "Its voice.", shown="the agent's `voice`")
    tts_api_key: str | None = _setting("PHONEAGENT_TTS_API_KEY", parsers.secret, "Its key, if it wants one.")
    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False, repr=False)  # of the fields that are set


_FIELDS = tuple(f for f in fields(Settings) if "variable" in f.metadata)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as the documentation shows it. `default` is empty where there is none."""

    name: str
    variable: str
    default: str
    description: str
    secret: bool


def described() -> tuple[Setting, ...]:
    """All settings, in the order of the documentation."""
    return tuple(
        Setting(
            name=f.name,
            variable=f.metadata["variable"],
            default=f.metadata["shown"] or _shown(f.default),
            description=f.metadata["description"],
            secret=f.metadata["secret"],
        )
        for f in _FIELDS
    )


def _shown(default: object) -> str:
    if default is None or default is MISSING:
        return ""
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def load(environ: Mapping[str, str] | None = None, dotenv: Path | None = Path(".env")) -> Settings:
    """The settings of this process, from `environ` (default: os.environ) and from the file `dotenv`.

    A variable that is already set wins over the file, which need not exist; an empty one counts as not set.
    Raises SettingsError with every problem at once.
    """
    environ = os.environ if environ is None else environ
    given = {**_read(dotenv), **environ}
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    problems: list[str] = []
    for f in _FIELDS:
        variable, value = f.metadata["variable"], given.get(f.metadata["variable"], "").strip()
        if not value:
            continue
        try:
            values[f.name] = f.metadata["parse"](value)
            origins[f.name] = "environment" if variable in environ else ".env"
        except ValueError as error:
            hidden = f.metadata["secret"] or "@" in value  # an address may hold a password
            got = "" if hidden else f", got {value!r}"
            problems.append(f"{variable} {error}{got}")
    names = values.get("tool_secrets", ())
    problems += [f"PHONEAGENT_TOOL_SECRETS names {name}, which is not set" for name in names if not given.get(name)]
    values["tool_secrets"] = tuple((name, given.get(name, "")) for name in names)
    problems += _misspelt(given)
    if not problems:
        problems = contradictions(values)
    if problems:
        raise SettingsError(problems)
    values["engine"] = engine_of(values)
    if "after_call_model" in values and "after_call_url" not in values:
        values["after_call_url"] = values.get("openai_base_url", OPENAI_BASE_URL)
        values["after_call_api_key"] = values["openai_api_key"]
    return Settings(**values, origins=origins)


def _read(dotenv: Path | None) -> dict[str, str]:
    if dotenv is None or not dotenv.exists():
        return {}
    try:
        # interpolation would read a "$" in a secret as a variable
        found = dotenv_values(dotenv, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError([f"{dotenv} cannot be read: {reason}"]) from error
    return {name: value or "" for name, value in found.items()}


def _misspelt(given: Mapping[str, str]) -> list[str]:
    """Variables of ours that nothing reads and that look like one that is read."""
    known = [f.metadata["variable"] for f in _FIELDS]
    return [
        f"{variable} is not a setting; did you mean {near}?"
        for variable in sorted(given)
        if variable.startswith(OURS) and variable not in known
        if (near := _near(variable, known))
    ]


def _near(variable: str, known: Sequence[str]) -> str | None:
    if (bare := variable.removeprefix(OURS)) in known:
        return bare
    return next(iter(difflib.get_close_matches(variable, known, n=1, cutoff=0.9)), None)
