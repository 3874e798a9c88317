"""An agent, as the call sees it: values only. Files, validation and numbers are in `phoneagent.agents`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Line:
    """Something that the agent is to say: these very words, or an instruction on what to say."""

    text: str
    exact: bool = True

    @property
    def spoken(self) -> str | None:
        """The words, for somebody else to speak; None where only the agent could find them."""
        return self.text if self.exact else None


@dataclass(frozen=True, slots=True)
class BargeIn:
    """When the caller's speech stops the agent.

    `after_ms`: of speech while the agent is heard; 0 is at once, None is never.
    `protect_greeting`: the greeting is always heard to its end.
    """

    after_ms: int | None = 0
    protect_greeting: bool = False

    @property
    def by_session(self) -> bool:
        """Whether the engine may interrupt and answer by itself, which is faster than asking the bridge."""
        return self.after_ms == 0 and not self.protect_greeting


@dataclass(frozen=True, slots=True)
class Idle:
    """What happens when the caller says nothing for `after_s` after the agent was last heard."""

    after_s: float = 8.0
    times: int = 2
    prompt: Line = Line("Are you still there?")
    goodbye: Line = Line("I can't hear you, so I will end the call now. Goodbye!")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a call may last, and what it may cost. The warning is spoken `warn_s` before the end of the time.

    In US dollars: `call_usd` of one call, `day_usd` of all the agent's calls of a day (UTC), `number_day_usd` of those
    on any one of its numbers. `over_limit` is to whom the caller is then transferred; None: goodbye is said.
    """

    max_minutes: float = 15.0
    warn_s: float = 60.0
    warning: Line = Line("I'm sorry, we have about one minute left.")
    goodbye: Line = Line("I'm sorry, our time is up. Thank you for calling, goodbye!")
    call_usd: Decimal | None = None
    day_usd: Decimal | None = None
    number_day_usd: Decimal | None = None
    over_limit: str | None = None


@dataclass(frozen=True, slots=True)
class Dtmf:
    """How keys become one message: at the terminator, at `length` digits, or after a pause.

    `secure`: the keys are a secret, such as a PIN, told to the agent and its tools but to no record and no recording.
    """

    terminator: str = "#"
    length: int | None = None
    pause_s: float = 2.0
    secure: bool = False


QUESTION = Line("May I record this call? Say yes or no, or press 1 for yes and 2 for no.")


@dataclass(frozen=True, slots=True)
class Recording:
    """Whether calls are recorded: `ask` is only those whose callers agree.

    `line` is said before the greeting: `on`, an announcement (None: nothing is said); `ask`, the question (None:
    QUESTION).
    """

    mode: Literal["off", "on", "ask"] = "off"
    line: Line | None = None


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many days after a call its pieces are kept; None: until somebody deletes them.

    `recording_days` is of the audio; `transcript_days` of what was said, done and taken down, events and summary
    included; `call_days` of all of it, with the numbers and what the call cost.
    """

    recording_days: int | None = None
    transcript_days: int | None = None
    call_days: int | None = None


@dataclass(frozen=True, slots=True)
class AfterCall:
    """What a language model makes of the transcript once the call is over.

    `summary`: a summary, as `prompt` asks for it. `extract`: a JSON Schema of type object, whose fields are found.
    """

    summary: bool = False
    prompt: str | None = None
    extract: Mapping[str, Any] | None = None

    @property
    def wanted(self) -> bool:
        """Whether there is anything to be made."""
        return self.summary or self.extract is not None


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is taken out of what is kept: the kinds of `core.redaction`, and patterns by their names."""

    kinds: tuple[str, ...] = ("card", "cvv", "iban", "ssn", "email")
    patterns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TurnDetection:
    """The engine's turn detection. None leaves a field to the engine's default.

    `threshold`, `prefix_padding_ms`, `silence_duration_ms` and `idle_timeout_ms` belong to `server_vad`,
    `eagerness` to `semantic_vad` (OpenAI Realtime API, session.audio.input.turn_detection).
    """

    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: float | None = None
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = 500
    idle_timeout_ms: int | None = None
    eagerness: Literal["auto", "low", "medium", "high"] | None = None


@dataclass(frozen=True, slots=True)
class Transcription:
    """The separate recognition that writes down the caller's words; `model` None leaves it off."""

    model: str | None = "gpt-live-transcribe"
    language: str | None = None
    prompt: str | None = None
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filler:
    """What the caller hears while a tool runs, once nobody has spoken for `after_ms`: a line, or (None) music."""

    line: Line | None
    after_ms: int = 1500


@dataclass(frozen=True, slots=True)
class ToolPolicy:
    """How a tool is run.

    `timeout_s`: None for the toolbox's own. `on_barge_in`: what becomes of it when the caller speaks meanwhile.
    `side_effects`: what it does can't be undone, so the same is not done twice in a call. `confirm`: it runs only when
    it is asked for again after the caller has answered. `after_speech`: it runs when the caller has heard the agent's
    last word. `silent`: the model does not speak of its result.
    """

    timeout_s: float | None = None
    while_running: Filler | None = None
    on_barge_in: Literal["keep", "cancel"] = "keep"
    side_effects: bool = False
    confirm: bool = False
    after_speech: bool = False
    silent: bool = False


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the model is told of it, and how it is run. `parameters` is a JSON Schema of type object."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    policy: ToolPolicy = ToolPolicy()


@dataclass(frozen=True, slots=True)
class HttpTool:
    """A tool that is one HTTP request.

    `{argument}` in `url`, in `query` and in the texts of `body` is replaced by the argument, encoded as its place
    demands; a text that is nothing but `{argument}` in `query` or `body` becomes the argument itself, and is left out
    with it. `${NAME}` in `headers` is a secret of the service. `result` is a JMESPath expression: what of the answer
    the model is told.
    """

    description: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    url: str
    parameters: Mapping[str, Any]  # JSON Schema of type object
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Any = None
    result: str | None = None
    allow_http: bool = False
    allow_private: bool = False
    allow_redirects: bool = False


@dataclass(frozen=True, slots=True)
class McpServer:
    """A server of tools (Model Context Protocol): a program (`command`), or one at a `url` (streamable HTTP).

    `tools` are those that the agent may use; None is all of them. `env` and `headers` may hold `${NAME}`, a secret of
    the service. `run_by` "model": the model's own service calls the server, which must be on the internet. `confirm`:
    each use needs the caller's answer first, as in ToolPolicy.
    """

    command: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tools: tuple[str, ...] | None = None
    run_by: Literal["service", "model"] = "service"
    confirm: bool = False
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class Destination:
    """Somebody to whom the agent may transfer the caller.

    `warm`: they are told what it is about and accept before the caller is connected; `cold`: the caller hears them
    ring. `timeout_s` is of ringing, `max_minutes` of the conversation. `caller_id`: what they see on their phone, our
    number ("called") or the caller's.
    """

    number: str = field(repr=False)
    how: Literal["cold", "warm"] = "cold"
    timeout_s: int = 25
    max_minutes: int = 60
    caller_id: Literal["called", "caller"] = "called"


@dataclass(frozen=True, slots=True)
class Sms:
    """What the agent may text: to the caller always, to `numbers` by their names. With `templates`, only those."""

    numbers: Mapping[str, str] = field(default_factory=dict, repr=False)
    templates: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outbound:
    """How the agent calls people. `on_machine`: what it does when an answering machine answers; `message` is what it
    leaves behind after the beep. `timeout_s` is of ringing."""

    on_machine: Literal["talk", "hang_up", "leave_message"] = "talk"
    message: str | None = None
    timeout_s: int = 30

    @property
    def detects(self) -> bool:
        """Whether it has to be found out what has answered, which costs extra."""
        return self.on_machine != "talk"


@dataclass(frozen=True, slots=True)
class Agent:
    """Who answers: the prompt and everything that its file can say. Defaults are those of an empty file."""

    name: str
    prompt: str = field(repr=False, default="")
    version: str = ""  # hash of the file and of what it extends
    numbers: tuple[str, ...] = ()  # E.164, or "*"
    greeting: Line | None = Line("Hello! How can I help you?")
    language: str = "en"
    timezone: str = "UTC"
    # the session
    model: str = "gpt-realtime-2.1"
    voice: str = "marin"  # a name, or the id of a custom voice: voice_…
    speed: float = 1.0
    reasoning: str | None = None
    turn_detection: TurnDetection = TurnDetection()
    noise_reduction: Literal["near_field", "far_field"] | None = "near_field"
    transcription: Transcription = Transcription()
    truncation: str | float = "auto"  # "auto", "disabled", or the ratio that is retained
    max_output_tokens: int | None = None  # None: no limit
    tool_choice: str = "auto"  # "auto", "none", "required", or a tool's name
    # the call
    tools: tuple[str, ...] = ("end_call",)
    tool_options: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict
    )  # fields of ToolPolicy that the file sets
    http_tools: Mapping[str, HttpTool] = field(default_factory=dict)
    mcp: Mapping[str, McpServer] = field(default_factory=dict)
    handoff: tuple[str, ...] = ()  # agents that may take over
    transfer: Mapping[str, Destination] = field(default_factory=dict)
    sms: Sms = Sms()
    outbound: Outbound = Outbound()
    countries: tuple[str, ...] = ()  # ISO 3166, to which it may transfer, text and call; () for those of its numbers
    hold_music: str | None = None  # a WAV file; None for the built-in one
    recording: Recording = Recording()
    redaction: Redaction = Redaction()
    retention: Retention = Retention()
    after_call: AfterCall = AfterCall()
    event_log: bool = False  # whether all that happens is kept, to be replayed
    source: Mapping[str, str] = field(
        default_factory=dict, repr=False, compare=False
    )  # its files by name, its own first
    barge_in: BargeIn = BargeIn()
    idle: Idle | None = Idle()
    limits: Limits = Limits()
    dtmf: Dtmf = Dtmf()
    apology: str = "I'm sorry, something went wrong on our side. Please call again in a moment."
    dialogue: Mapping[str, Any] | None = None  # for the embedded engine, in place of a model

    @property
    def remote_policies(self) -> dict[str, ToolPolicy]:
        """How the tools are run that the model's own service runs, by the names with which it asks for approval."""
        return {
            f"{name}_{tool}": ToolPolicy(confirm=server.confirm)
            for name, server in self.mcp.items()
            if server.run_by == "model"
            for tool in server.tools or ()
        }
