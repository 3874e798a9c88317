"""The agents of a folder: who answers which number, kept up to date while their files change."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from watchfiles import awatch

from phoneagent.agents.claims import settle
from phoneagent.agents.files import NAME, AgentFiles
from phoneagent.agents.handoffs import without_dead_ends
from phoneagent.agents.numbers import EVERY_NUMBER, e164
from phoneagent.agents.validation import Check, Rules
from phoneagent.core.agents import Agent
from phoneagent.core.problems import FileProblem

logger = logging.getLogger(__name__)

_SETTLE_MS = 200  # an editor's save is several changes of the folder
_LOOK_EVERY_MS = 1000  # network and shared folders don't report their changes


@dataclass(frozen=True)
class _State:
    """What is known after a reload. Replaced as a whole, so that a reader never sees half of one."""

    agents: Mapping[str, Agent] = field(default_factory=dict)
    numbers: Mapping[str, Agent] = field(default_factory=dict)
    problems: tuple[FileProblem, ...] = ()
    names: tuple[str, ...] = ()


class Draft(NamedTuple):
    """What a text comes to that was not saved: the agent, unless the text has an error, and what is wrong."""

    agent: Agent | None
    problems: tuple[FileProblem, ...]

    @property
    def broken(self) -> bool:
        """Whether it may not be saved."""
        return any(problem.severity == "error" for problem in self.problems)


class AgentDirectory:
    """The agents of `folder`, one `<name>.md` each; other files, README.md and names with _ or . in front are not.

    `region` (ISO 3166, "US") is that of numbers without a country code. `tools`: an agent that names another one is
    refused; without them, tools are not checked. `secrets`: the names of those that agents may use, checked alike.
    `check`: a further check of each agent. Reading answers from memory; `reload` reads the files. After a `refresh`,
    of which `watch` does one whenever a file changes, `on_reload` is called in its event loop.
    """

    def __init__(
        self,
        folder: Path,
        *,
        region: str | None = None,
        tools: Collection[str] | None = None,
        secrets: Collection[str] | None = None,
        check: Check | None = None,
        on_reload: Callable[[], None] | None = None,
        today: Callable[[], date] = date.today,
    ) -> None:
        self.folder = folder
        self._region = region
        self._tools = tools
        self._secrets = secrets
        self._check = check
        self._on_reload = on_reload
        self._today = today
        self._state = _State()
        self._seen: set[tuple[str, int, int]] = set()
        self._reloading = threading.Lock()
        self.reload()

    @property
    def agents(self) -> Mapping[str, Agent]:
        """The agents that answer now, by name."""
        return self._state.agents

    @property
    def names(self) -> tuple[str, ...]:
        """The names of those that have a file, whether it was ever good or not."""
        return self._state.names

    @property
    def tools(self) -> tuple[str, ...]:
        """The names of the tools that an agent may use without declaring them."""
        return tuple(sorted(self._tools or ()))

    @property
    def problems(self) -> tuple[FileProblem, ...]:
        """Every problem that the files have now."""
        return self._state.problems

    def by_name(self, name: str) -> Agent | None:
        """The agent of this name."""
        return self._state.agents.get(name)

    def for_number(self, number: str) -> Agent | None:
        """Who answers a called number, written in any way; what is no number is answered by "*"."""
        numbers = self._state.numbers
        try:
            return numbers.get(e164(number, self._region)) or numbers.get(EVERY_NUMBER)
        except ValueError:
            return numbers.get(EVERY_NUMBER)

    def reload(self) -> tuple[FileProblem, ...]:
        """Read the files again. Returns the problems that are new.

        Blocks while it reads; other threads may go on asking. A file with an error keeps its last good version.
        """
        with self._reloading:
            before = self._state
            self._seen = self._stamps()
            self._state = self._read(before)
            return tuple(problem for problem in self._state.problems if problem not in before.problems)

    def path_of(self, name: str) -> Path:
        """Where the file of an agent is, or would be. Raises ValueError if no agent can have this name."""
        if not NAME.fullmatch(name):
            raise ValueError(f"an agent can't be called {name!r}: its name may have letters, digits, - and _ only")
        return self.folder / f"{name}.md"

    def draft(self, name: str, text: str | None) -> Draft:
        """What saving this text as the file of an agent would come to; None: deleting the file. Nothing is written.

        The problems are those of the file; if it has no error, also those that other files would have from then on.
        Blocks while it reads. Raises ValueError if no agent can have this name. Only who may save agents may talk to
        a draft: it can name programs to run (`mcp`) and send secrets anywhere.
        """
        file = self.path_of(name).as_posix()
        before = self._state
        content = None if text is None else text.encode("utf-8", "surrogatepass")
        after = self._read(before, {name: content})
        own = [problem for problem in after.problems if problem.file == file]
        if any(problem.severity == "error" for problem in own):
            return Draft(None, tuple(own))
        known = {_place(problem) for problem in before.problems}
        others = [problem for problem in after.problems if problem.file != file and _place(problem) not in known]
        return Draft(after.agents.get(name), (*own, *others))

    async def watch(self) -> None:
        """Log the problems, then keep up with the folder until cancelled, logging each reload and new problems once.

        Raises FileNotFoundError if there is no such folder.
        """
        _log(self.problems)
        async for changes in awatch(
            self.folder, recursive=False, debounce=_SETTLE_MS, rust_timeout=_LOOK_EVERY_MS, yield_on_timeout=True
        ):
            if changes or await asyncio.to_thread(self._stamps) != self._seen:
                await self.refresh()

    async def refresh(self) -> None:
        """Read the files again at once, log that and the new problems, and call `on_reload`."""
        new = await asyncio.to_thread(self.reload)
        logger.info("agent files read again", extra={"agents": len(self.agents), "problems": len(self.problems)})
        _log(new)
        if self._on_reload is not None:
            self._on_reload()

    def _stamps(self) -> set[tuple[str, int, int]]:
        """What changes when a file of the folder does."""
        stamps = set()
        for path in self.folder.glob("*.md"):
            with suppress(OSError):  # deleted just now
                stat = path.stat()
                stamps.add((path.name, stat.st_mtime_ns, stat.st_size))
        return stamps

    def _read(self, before: _State, unsaved: Mapping[str, bytes | None] = MappingProxyType({})) -> _State:
        if not self.folder.is_dir():
            return _State(problems=(FileProblem(self.folder.as_posix(), 0, 0, "there is no such folder"),))
        beside = self.folder.absolute().parent
        rules = Rules(self._region, self._tools, self._secrets, beside, self._check, self._today())
        files = AgentFiles(self.folder, rules, unsaved)
        fresh = {name: agent for name in files.names if (agent := files.agent(name))}
        last_good = {name: agent for name in files.names if (agent := before.agents.get(name))}
        fresh, handoffs = without_dead_ends(fresh, last_good)
        agents, losers = settle(last_good | fresh, before.agents)
        problems = [
            *files.problems(),
            *(files.problem_of(name, finding) for name, finding in handoffs),
            *(files.claim_problem(claim) for claim in losers),
        ]
        return _State(
            agents,
            {number: agent for agent in agents.values() for number in agent.numbers},
            tuple(sorted(problems)),
            tuple(files.names),
        )


def _place(problem: FileProblem) -> tuple[str, int, int, str]:
    """What tells problems apart: a message may speak of a line of another file, which moves."""
    return problem.file, problem.line, problem.column, problem.severity


def _log(problems: tuple[FileProblem, ...]) -> None:
    for problem in problems:
        logger.warning(
            "agent file has a problem",
            extra={"file": problem.file, "line": problem.line, "reason": problem.message},
        )
