"""Simulated calls for the command line: words made into a caller's script, placed against a service."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from phoneagent.agents.directory import AgentDirectory
from phoneagent.app import running
from phoneagent.demo import Screen, unconnected
from phoneagent.settings import Settings, SettingsError
from phoneagent.simulate.network import Network
from phoneagent.simulate.scenario import report, simulate
from phoneagent.simulate.script import HangUp, Interrupt, Press, Say, Step, WaitForAgent


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What `phoneagent simulate` was asked to do. `url` None: start a service for it."""

    to: str
    words: Sequence[str]
    barge_in_ms: int | None
    digits: str
    calls: int
    url: str | None
    recordings: Path | None
    jitter_ms: float
    noise: int


def script(trial: Trial) -> list[Step]:
    """The caller's part: listens, says each of its words, or interrupts with them, and hangs up at the end."""
    steps: list[Step] = [WaitForAgent()]
    for number, words in enumerate(map(_clip, trial.words)):
        if trial.barge_in_ms is None:
            steps += [Say(words), WaitForAgent()]
        elif number == 0:
            steps.append(Say(words))
        else:
            steps.append(Interrupt(trial.barge_in_ms, words))
    if trial.barge_in_ms is not None:
        steps.append(WaitForAgent())
    if trial.digits:
        steps += [Press(trial.digits), WaitForAgent()]
    return [*steps, HangUp()]


async def run(trial: Trial, settings: Settings, console: Console) -> bool:
    """Place the calls and report them. Returns whether all succeeded. Raises ClipError, SettingsError."""
    async with AsyncExitStack() as stack:
        url = trial.url
        if url is None:
            settings = unconnected(settings)
            service = await stack.enter_async_context(running(settings))
            url = service.url
            _known(trial.to, service.agents.directory)
            if trial.calls == 1:
                service.feed.watch(Screen(console).show)
        results = await simulate(
            url,
            trial.to,
            script(trial),
            calls=trial.calls,
            auth_token=settings.twilio_auth_token,
            public_url=settings.public_url,
            speak=(await _spoken(trial.words)).__getitem__,
            network=Network(jitter_ms=trial.jitter_ms) if trial.jitter_ms else None,
            noise=trial.noise,
            recordings=trial.recordings,
        )
    console.print(report(results))
    return all(result.succeeded for result in results)


def _known(to: str, directory: AgentDirectory) -> None:
    name = to.removeprefix("client:")
    if name != to and directory.by_name(name) is None:
        there = ", ".join(sorted(directory.agents)) or "none"
        problems = [f"--agent: no agent {name!r} in {directory.folder}; there are: {there}"]
        raise SettingsError([*problems, *map(str, directory.problems)])


def _clip(words: str) -> str | Path:
    """A file to play if there is one of that name, else words to speak."""
    return Path(words) if words.lower().endswith(".wav") else words


async def _spoken(words: Sequence[str]) -> dict[str, bytes]:
    from phoneagent.local.synthesize import synthesize

    texts = [text for text in words if isinstance(_clip(text), str)]
    return await synthesize(texts) if texts else {}
