"""The agent files of a folder, read together: what one inherits from another, and what is wrong with each."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from phoneagent.agents.claims import LostClaim
from phoneagent.agents.crosschecks import Finding
from phoneagent.agents.numbers import e164
from phoneagent.agents.source import Source, SourceError, read, take_apart
from phoneagent.agents.validation import Rules, placed, validate
from phoneagent.core.agents import Agent
from phoneagent.core.problems import FileProblem

NAME = re.compile(r"(?!(?i:readme)\Z)[A-Za-z0-9][A-Za-z0-9_-]*")
"""What an agent may be called, which is what its file is called."""


class AgentFiles:
    """The files of the folder, read once for one reload.

    `unsaved` are contents by the names of agents, which are taken in place of the files; None: of no file.
    """

    def __init__(self, folder: Path, rules: Rules, unsaved: Mapping[str, bytes | None] = MappingProxyType({})) -> None:
        self._folder = folder
        self._rules = rules
        self._sources: dict[str, Source | FileProblem] = {}
        self._results: dict[str, tuple[Agent | None, list[FileProblem]]] = {}
        self._fronts: dict[str, dict[str, Any]] = {}  # with what is inherited
        self._strangers: list[FileProblem] = []
        self.names: list[str] = []
        for path in sorted({*folder.glob("*.md"), *(folder / f"{name}.md" for name in unsaved)}):
            if path.name.startswith(("_", ".")) or path.name.lower() == "readme.md":
                continue
            if not NAME.fullmatch(path.stem):
                reason = "the file's name may have letters, digits, - and _ only: it is the agent's name"
                self._strangers.append(FileProblem(path.as_posix(), 0, 0, reason))
                continue
            content = unsaved.get(path.stem)
            if content is None and path.stem in unsaved:
                continue
            self.names.append(path.stem)
            try:
                self._sources[path.stem] = read(path) if content is None else take_apart(path.as_posix(), content)
            except SourceError as error:
                self._sources[path.stem] = error.problem

    def agent(self, name: str) -> Agent | None:
        """The agent of a file without errors."""
        return self._result(name)[0]

    def problems(self) -> list[FileProblem]:
        """All that is wrong with any file by itself."""
        return self._strangers + [problem for name in self.names for problem in self._result(name)[1]]

    def problem_of(self, agent: str, finding: Finding) -> FileProblem:
        """What is wrong with an agent that was just read, at its place in the file."""
        source = self._sources[agent]
        assert isinstance(source, Source)
        return placed(source, self._fronts[agent], finding)

    def claim_problem(self, claim: LostClaim) -> FileProblem:
        """That an agent claims a number that another one has."""
        source, other = self._sources[claim.loser], self._sources[claim.holder]
        assert isinstance(source, Source)  # only a version that was just read can lose
        where = other.file
        if isinstance(other, Source):
            where += f":{self._place_of_number(other, claim.number)[0]}"
        place = self._place_of_number(source, claim.number)
        return source.problem(place, f"numbers: {claim.number} is already claimed by {where}")

    def _place_of_number(self, source: Source, number: str) -> tuple[int, int]:
        for index, text in enumerate(source.front.get("numbers") or ()):
            try:
                if number == text or number == e164(str(text), self._rules.region):
                    return source.place(("numbers", index))
            except ValueError:
                continue
        return source.place(("numbers",))

    def _result(self, name: str) -> tuple[Agent | None, list[FileProblem]]:
        if name not in self._results:
            source = self._sources[name]
            self._results[name] = self._validated(name, source) if isinstance(source, Source) else (None, [source])
        return self._results[name]

    def _validated(self, name: str, source: Source) -> tuple[Agent | None, list[FileProblem]]:
        at_extends = source.place(("extends",))
        try:
            chain = list(self._ancestry(name))
        except _ExtendsError as error:
            return None, [source.problem(at_extends, f"extends: {error}")]
        front: dict[str, Any] = {}
        for ancestor in reversed(chain):
            inherited = {key: value for key, value in front.items() if key not in ("numbers", "extends")}
            front = _merged(inherited, ancestor.front)
        self._fronts[name] = front
        agent, problems = validate(
            source,
            front,
            next((ancestor.prompt for ancestor in chain if ancestor.prompt), ""),
            name=name,
            version=hashlib.sha256(b"\0".join(ancestor.content for ancestor in chain)).hexdigest()[:12],
            rules=self._rules,
        )
        if len(chain) > 1 and self.agent(source.front["extends"]) is None:
            own = [problem for problem in problems if (problem.line, problem.column) != at_extends]
            reason = f"extends: {source.front['extends']!r} has errors of its own"
            return None, [*own, source.problem(at_extends, reason)]
        if agent is not None:
            agent = replace(agent, source={Path(source.file).name: source.text for source in chain})
        return agent, problems

    def _ancestry(self, name: str) -> Iterator[Source]:
        """The file, the one that it extends, and so on."""
        seen: list[str] = []
        while True:
            seen.append(name)
            source = self._sources[name]
            assert isinstance(source, Source)
            yield source
            parent = source.front.get("extends")
            if not isinstance(parent, str):  # none, or something that validation refuses
                return
            if parent in seen:
                raise _ExtendsError(f"goes round in a circle: {' → '.join([*seen, parent])}")
            if parent not in self._sources:
                raise _ExtendsError(f"there is no agent {parent!r}")
            if isinstance(self._sources[parent], FileProblem):
                raise _ExtendsError(f"{parent!r} can't be read")
            name = parent


class _ExtendsError(Exception):
    """A file inherits from something that isn't there."""


def _merged(parent: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """The parent's mapping with one's own on top: mappings inside are merged, all else is replaced."""
    merged = dict(parent)
    for key, value in own.items():
        inherited = merged.get(key)
        if isinstance(inherited, dict) and isinstance(value, dict):
            value = _merged(inherited, value)
        merged[key] = value
    return merged
