"""What the API takes and answers, as its description shows it. A call is shown as `records.export` writes it down."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints, WithJsonSchema

from phoneagent.core.costs import Direction
from phoneagent.core.dials import State
from phoneagent.core.records import Happening
from phoneagent.store.calls import After, Place
from phoneagent.store.costs import Sums

CLEAN = r"^[^\x00]*$"  # no database takes a NUL in a text

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=CLEAN)]
Usd = Annotated[
    Decimal,
    PlainSerializer(lambda usd: f"{usd:f}", return_type=str),  # str() may say 1E-9
    WithJsonSchema({"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "examples": ["0.0312"]}),
    Field(description="US dollars, exactly: a decimal in a text."),
]
CallState = Annotated[
    State, Field(description="Of a call to us: `live`, then `completed`. The others are in docs/outbound.md.")
]
OnTheCall = Annotated[float, Field(description="Seconds since the call began.")]


class WantedCall(BaseModel):
    """A call to be placed: docs/outbound.md."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        json_schema_extra={"examples": [{"to": "+12125550123", "agent": "sales", "variables": {"name": "Ada"}}]},
    )

    to: Annotated[Name, Field(description="The number, in E.164 or as in PHONEAGENT_REGION.")]
    agent: Name
    from_: Annotated[Name | None, Field(alias="from", description="One of the agent's numbers; else its first.")] = None
    variables: Annotated[
        dict[Name, Annotated[str, StringConstraints(max_length=4000, pattern=CLEAN)]],
        Field(max_length=50, description="What the prompt names as {{var.name}}."),
    ] = {}


class WantedNote(BaseModel):
    """A note to be added to a call."""

    model_config = ConfigDict(
        strict=True, extra="forbid", json_schema_extra={"examples": [{"text": "Ada wants a quote."}]}
    )

    text: Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=CLEAN)]


class Words(BaseModel):
    """What is to be told to an agent, or said by it."""

    model_config = ConfigDict(
        strict=True, extra="forbid", json_schema_extra={"examples": [{"text": "We can offer her Friday at nine."}]}
    )

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000, pattern=CLEAN)]


class WantedTransfer(BaseModel):
    """A transfer of a caller."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"examples": [{"to": "reception"}]})

    to: Annotated[Name, Field(description="One of the names under `transfer` in the file of the agent who speaks.")]
    briefing: Annotated[
        str,
        StringConstraints(max_length=1000, pattern=CLEAN),
        Field(description="What whoever answers is told first."),
    ] = ""


class AudioTicket(BaseModel):
    """What opens the WebSocket of a call's audio, once."""

    url: Annotated[str, Field(description="Its path, with the ticket.")]
    ticket: str
    expires_s: int


class PlacedCall(BaseModel):
    """How a call stands."""

    id: Annotated[str, Field(description="Our id of the call.", examples=["5e1f0b6a7c8d4e2f9a0b1c2d3e4f5a6b"])]
    agent: str
    state: CallState
    reason: Annotated[str | None, Field(description="Why it is in this state, if there is something to say.")]
    call_sid: Annotated[str | None, Field(description="Twilio's CallSid, once it is known.")]


class ListedCall(BaseModel):
    """A call that was answered."""

    id: str
    call_sid: str
    direction: Direction
    caller: Annotated[str, Field(description="The person's number, whoever dialled.")]
    called: Annotated[str, Field(description="Our number.")]
    agent: Annotated[str, Field(description="Who answered.")]
    agent_version: str
    engine: str
    model: str
    began: datetime
    streamed: Annotated[datetime | None, Field(description="When caller and agent first heard each other.")]
    ended: Annotated[datetime | None, Field(description="null while the call goes on.")]
    outcome: str | None
    reason: Annotated[str | None, Field(description="Of the outcome.")]
    duration_s: Annotated[float | None, Field(description="From `streamed` on.")]
    turn_count: int | None
    barge_ins: int | None
    first_audio_ms: int | None
    latency_ms: Annotated[int | None, Field(description="The median of the silences before the agent's answers.")]
    usd: Annotated[Usd, Field(description="What it cost; while it goes on, so far.")]
    summary: str | None
    held: Annotated[bool, Field(description="Whether it is kept whatever its retention says.")]


class CallList(BaseModel):
    """Calls, the newest first."""

    calls: list[ListedCall]
    next: Annotated[str | None, Field(description="The `cursor` of those that follow; null: there are no more.")]


class Turn(BaseModel):
    """What one side said in one go."""

    speaker: Literal["caller", "agent"]
    text: Annotated[str, Field(description="What the caller said, or heard of the agent's words.")]
    unheard: Annotated[str, Field(description="The rest of the agent's words, which the caller did not hear.")]
    at_s: OnTheCall
    latency_ms: Annotated[int | None, Field(description="The silence before an agent's turn.")]
    interrupted: bool


class Transcript(BaseModel):
    """Who said what."""

    id: str
    deleted: Annotated[datetime | None, Field(description="When it was deleted, if it was.")]
    turns: list[Turn]


class Tool(BaseModel):
    """One run of a tool."""

    name: str
    arguments: Annotated[Any, Field(description="What it was asked.")]
    output: Annotated[Any, Field(description="What the model was told.")]
    failed: bool
    at_s: OnTheCall
    duration_ms: int


class Happened(BaseModel):
    """An event that matters."""

    kind: Happening
    at_s: OnTheCall
    data: dict[str, Any]


class Charge(BaseModel):
    """A part of what a call cost."""

    part: str
    model: Annotated[str | None, Field(description="null: no model's.")]
    usd: Annotated[Usd | None, Field(description="null: it has no price.")]
    usage: Annotated[dict[str, Any] | None, Field(description="The tokens and seconds that it was reckoned from.")]


class Recording(BaseModel):
    """A recording, without its audio."""

    name: str
    at_s: OnTheCall
    duration_s: float
    size: Annotated[int, Field(description="Bytes.")]
    sha256: str
    problem: Annotated[str | None, Field(description="What is wrong with it, if anything.")]
    place: Annotated[Place, Field(description="Whether it is on the service's disk, in the bucket, or deleted.")]


class Peaks(BaseModel):
    """How loud a recording is: of both sides, the loudest sample of each step, 0 to 1."""

    at_s: OnTheCall
    step_s: Annotated[float, Field(description="The length of a step, in seconds. There are 2000 at most.")]
    caller: list[float]
    agent: Annotated[list[float], Field(description="What the caller heard.")]


class Note(BaseModel):
    """What somebody has written about a call."""

    id: str
    author: Annotated[str, Field(description="The name of the API key, if it came by the API.")]
    text: str
    created: datetime


class Call(ListedCall):
    """A call with all that is known of it."""

    state: CallState
    stream_sid: str | None
    session_id: str | None
    counters: Annotated[dict[str, int], Field(description="What went wrong, and how often.")]
    after: Annotated[After | None, Field(description="How summary and extraction stand; null: there are none.")]
    after_problem: str | None
    extracted: dict[str, Any] | None
    transcript_deleted: datetime | None
    turns: list[Turn]
    tools: list[Tool]
    events: list[Happened]
    charges: list[Charge]
    recordings: list[Recording]
    notes: list[Note]


class DeletedRecord(BaseModel):
    """A call that is deleted."""

    id: str
    left: Annotated[
        list[str], Field(description="Files that can't be deleted now, and why. It is tried again every day.")
    ]


class CallCosts(BaseModel):
    """What a call cost. The charges are known when it is over."""

    id: str
    over: bool
    usd: Usd
    unpriced: Annotated[bool, Field(description="Whether some of it has no price and is left out.")]
    charges: list[Charge]


class CostSum(BaseModel):
    """What some calls cost."""

    key: Annotated[str, Field(description="The day (UTC), the number of ours, the agent or the model.")]
    calls: int
    minutes: float
    usd: Usd
    parts: Annotated[dict[str, Usd], Field(description="Of calls that are over.")]
    unpriced: Annotated[bool, Field(description="Whether some of it has no price and is left out.")]


class CostSums(BaseModel):
    """What calls cost, in sums."""

    by: Sums
    sums: list[CostSum]
