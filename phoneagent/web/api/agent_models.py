"""What the API takes and answers about agents."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import PurePath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from phoneagent.agents.edits import edited
from phoneagent.core.agents import Agent
from phoneagent.core.problems import FileProblem
from phoneagent.web.api.errors import Problem

AgentName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=200)]
Source = Annotated[str, Field(description="The text of an agent file: docs/agents.md.")]
Etag = Annotated[str, Field(description="Changes with any byte of the file: to be sent as `If-Match`.")]


class AgentProblem(BaseModel):
    """Something wrong with a file. `line` and `column` count from 1; 0: the file as a whole."""

    file: Annotated[str, Field(examples=["reception.md"])]
    line: int
    column: int
    message: str
    severity: Literal["error", "warning"]


class TurnDetection(BaseModel):
    """When a turn of the caller's ends; null: as the engine has it."""

    type: Literal["server_vad", "semantic_vad"]
    threshold: float | None
    prefix_padding_ms: int | None
    silence_duration_ms: int | None
    eagerness: Literal["auto", "low", "medium", "high"] | None


class AgentSettings(BaseModel):
    """How an agent speaks and hears, with all that it inherits."""

    language: str
    model: str
    voice: str
    speed: float
    reasoning: str | None
    turn_detection: TurnDetection
    noise_reduction: Literal["near_field", "far_field"] | None
    transcription: Annotated[str | None, Field(description="The model that writes down the caller's words.")]
    max_output_tokens: Annotated[int | None, Field(description="null: no limit.")]
    tools: list[str]
    handoff: list[str]
    transfer: Annotated[list[str], Field(description="The names of whom it may transfer callers to.")]


class ListedAgent(BaseModel):
    """An agent, as it answers now."""

    name: str
    state: Annotated[
        Literal["current", "last_good", "broken"],
        Field(
            description="`current`: it answers as its file says. `last_good`: the file is broken, and the last version "
            "that was not answers. `broken`: there is none, and nobody answers."
        ),
    ]
    version: str | None
    numbers: Annotated[list[str], Field(description='What it answers; "*": what no other agent does.')]
    settings: AgentSettings | None
    problems: list[AgentProblem]


class AgentList(BaseModel):
    """All agents, and what is wrong with files that are no agents'."""

    engine: Annotated[str, Field(description="What holds the conversations.")]
    writable: Annotated[bool, Field(description="Whether the folder takes changes.")]
    agents: list[ListedAgent]
    problems: list[AgentProblem]


class AgentFile(ListedAgent):
    """An agent, and its file."""

    source: Source
    etag: Etag
    extends: Annotated[list[str], Field(description="The files that it inherits from, the nearest first.")]


class SavedAgent(BaseModel):
    """What came of saving."""

    name: str
    etag: Etag
    version: str | None
    problems: Annotated[list[AgentProblem], Field(description="Warnings.")]


class WantedSource(BaseModel):
    """The text that is to be the file."""

    model_config = ConfigDict(strict=True, extra="forbid")

    source: Source


class WantedCheck(WantedSource):
    """A text, and whose file it would be."""

    name: AgentName


class CheckedSource(BaseModel):
    """What saving the text would come to."""

    problems: Annotated[
        list[AgentProblem], Field(description="Of this file, and if it has no error, those that others would get.")
    ]
    settings: Annotated[AgentSettings | None, Field(description="null: the text has an error.")]


class WantedEdit(WantedSource):
    """A text, and settings to be changed in its front matter."""

    set: Annotated[
        dict[Annotated[str, StringConstraints(min_length=1, max_length=200)], Any],
        Field(
            max_length=50,
            description="Values by their keys; null takes a key out. The rest of the text stays as it is.",
            examples=[{"voice": "cedar", "turn_detection.threshold": 0.6, "reasoning": None}],
        ),
    ]

    def made(self) -> EditedSource:
        """The text with the changes. Raises NotEditableError."""
        return EditedSource(source=edited(self.source, self.set))


class EditedSource(BaseModel):
    """The text with the changes."""

    source: Source


class UsedAgentVersion(BaseModel):
    """A version that had calls."""

    version: str
    first_used: datetime
    last_used: Annotated[datetime | None, Field(description="null: none of its calls is kept any more.")]
    calls: int


class AgentVersionList(BaseModel):
    """The versions of an agent, the newest first."""

    current: Annotated[str | None, Field(description="The version that answers now.")]
    versions: list[UsedAgentVersion]


class AgentVersion(BaseModel):
    """A version, as its files were."""

    version: str
    first_used: datetime
    files: Annotated[dict[str, str], Field(description="By their names: its own first, then those that it extends.")]


class BrokenAgent(Problem):
    """Why something was not saved."""

    problems: Annotated[
        list[AgentProblem] | None, Field(description="Of a text; left out where it did not come so far.")
    ] = None


class ChangedAgent(Problem):
    """What stands in the file by now; null: there is none."""

    source: str | None
    etag: str | None


def problems_of(problems: Iterable[FileProblem]) -> list[AgentProblem]:
    """Problems without the folder's path."""
    return [
        AgentProblem(
            file=PurePath(problem.file).name,
            line=problem.line,
            column=problem.column,
            message=problem.message,
            severity=problem.severity,
        )
        for problem in problems
    ]


def settings_of(agent: Agent) -> AgentSettings:
    """The settings of an agent."""
    turns = agent.turn_detection
    return AgentSettings(
        language=agent.language,
        model=agent.model,
        voice=agent.voice,
        speed=agent.speed,
        reasoning=agent.reasoning,
        turn_detection=TurnDetection(
            type=turns.type,
            threshold=turns.threshold,
            prefix_padding_ms=turns.prefix_padding_ms,
            silence_duration_ms=turns.silence_duration_ms,
            eagerness=turns.eagerness,
        ),
        noise_reduction=agent.noise_reduction,
        transcription=agent.transcription.model,
        max_output_tokens=agent.max_output_tokens,
        tools=list(agent.tools),
        handoff=list(agent.handoff),
        transfer=list(agent.transfer),
    )
