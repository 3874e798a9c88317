"""The demonstration: a simulated caller telephones an agent over the real wires, with nothing but this package.

The caller is the fake phone, its words are clips; the agent is `agents/reception.md`; what listens, thinks and
speaks is the embedded engine. Everything between them is the service as it runs in production.
"""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from phoneagent import prices
from phoneagent.app import running
from phoneagent.calls.live import CallEnded, News, StreamOpened, ToolRan, TurnChanged
from phoneagent.calls.record import CallRecord
from phoneagent.core.costs import Usage
from phoneagent.core.transcript import Turn
from phoneagent.settings import Settings, SettingsError
from phoneagent.simulate import record as phone_side
from phoneagent.simulate.fake_phone import FakePhone
from phoneagent.simulate.script import Interrupt, Say, Step, WaitForAgent

NUMBER = "+15550100"
COMPARED = ("gpt-realtime-2.1", "gpt-realtime-2.1-mini")

_CLIPS = Path(__file__).parent / "simulate" / "clips"
_ROOT = Path(__file__).parent.parent


def story() -> list[Step]:
    """Books a table, changes its mind in the middle of the answer, confirms, and says goodbye."""
    return [
        WaitForAgent(),
        Say(_CLIPS / "1-book.wav"),
        Interrupt(1200, _CLIPS / "2-correct.wav"),
        WaitForAgent(),
        Say(_CLIPS / "3-confirm.wav"),
        WaitForAgent(),
        Say(_CLIPS / "4-goodbye.wav"),
    ]


def unconnected(settings: Settings) -> Settings:
    """These settings for a service that only this machine calls, and that itself calls and texts nobody.

    With an account at Twilio it would place the calls that wait in the database, and transfer to real telephones.
    """
    return replace(
        settings,
        host="127.0.0.1",
        port=0,
        public_url=None,
        twilio_auth_token=None,
        twilio_auth_token_next=None,
        twilio_account_sid=None,
        twilio_api_key=None,
        twilio_api_secret=None,
    )


async def demo(settings: Settings, console: Console) -> bool:
    """Place the call, show it, and say whether all of it worked."""
    settings = replace(unconnected(settings), engine="local", agents=_ROOT / "agents", log="human", log_level="error")
    recording = settings.data / "demo-call.wav"
    try:
        recording.parent.mkdir(parents=True, exist_ok=True)
        recording.touch()
    except OSError as error:
        raise SettingsError([f"PHONEAGENT_DATA: {recording} cannot be written: {error.strerror}"]) from None
    console.print("[bold]Starting the service and its embedded engine …[/]")
    async with running(settings) as service:
        screen = Screen(console)
        service.feed.watch(screen.show)
        async with FakePhone(service.url, rng=random.Random(7)) as phone:  # noqa: S311
            steps = story()
            await phone.prepare(steps)
            console.print(f"A caller dials {NUMBER}.\n")
            heard = await phone.dial(NUMBER, steps, max_s=120).ended()
    heard.save_recording(recording)
    if screen.record is None:
        console.print("[red]The call was not answered.[/]", *heard.problems)
        return False
    return report(console, screen.record, heard, recording)


class Screen:
    """Writes the transcript as it happens: a turn when its words are settled, a tool when it ran."""

    def __init__(self, console: Console) -> None:
        self.record: CallRecord | None = None
        self._console = console
        self._shown: set[str] = set()

    def show(self, news: News) -> None:
        """Take note of what has happened on the call."""
        match news:
            case StreamOpened():
                self._console.print("[dim]         the line is open[/]")
            case TurnChanged(turn=turn) if turn.final and turn.turn_id not in self._shown:
                self._shown.add(turn.turn_id)
                self._console.print(line(turn))
            case ToolRan(run=run):
                self._console.print(Text(f"   tool  {run.name}({run.arguments}) → {run.output}", style="yellow"))
            case CallEnded(record=record):
                self.record = record
                self._console.print(f"[dim]         the call is over: {record.outcome}[/]\n")


def line(turn: Turn) -> Text:
    """One line of a transcript, with what the caller did not hear."""
    style = "cyan" if turn.speaker == "caller" else "green"
    text = Text(f"{turn.speaker:>7}  ", style=f"bold {style}")
    text.append(turn.text, style=style)
    if turn.unheard:
        text.append(f" [not heard: {turn.unheard}]", style="dim")
    if turn.interrupted:
        text.append(" ← interrupted", style="red")
    return text


def report(console: Console, record: CallRecord, heard: phone_side.CallRecord, recording: Path) -> bool:
    """What the call left behind, and whether the demonstration succeeded."""
    latencies = Table("the caller said", "answered after", title="Latency, from the end of speech to audio played")
    said = [turn.text for turn in record.turns if turn.speaker == "caller"]
    for number, latency_ms in enumerate(heard.latencies_ms):
        words = said[number] if number < len(said) else "?"
        latencies.add_row(words, "–" if latency_ms is None else f"{latency_ms:.0f} ms")
    console.print(latencies)
    console.print(f"\nRecording: [bold]{recording}[/] (caller left, agent right, {record.duration_s:.0f} s)")
    console.print(f"Cost: {cost_line(record.usage)}; with the embedded engine nothing.\n")
    checks = verdict(record, heard)
    for check, passed in checks.items():
        console.print(f"[green]✓[/] {check}" if passed else f"[red]✗ {check}[/]")
    for problem in heard.problems:
        console.print(f"[red]  the phone noted: {problem}[/]")
    if all(checks.values()):
        console.print(
            '\nTalk to it yourself:     .venv/bin/phoneagent simulate --agent reception --say "Where are you?"',
            soft_wrap=True,  # a command is copied
        )
        console.print("Connect a phone number:  see “Answer your number” in README.md", soft_wrap=True)
    return all(checks.values())


def cost_line(usage: Usage) -> str:
    """What the same tokens would have cost on OpenAI's models."""
    models = prices.load().models
    return ", ".join(f"${models[name].of(usage):.4f} on {name}" for name in COMPARED)


def verdict(record: CallRecord, heard: phone_side.CallRecord) -> dict[str, bool]:
    """What the demonstration promises, and whether it kept it."""
    cut = [turn for turn in record.turns if turn.interrupted and turn.unheard]
    return {
        "the agent heard the caller": sum(turn.speaker == "caller" for turn in record.turns) >= 4,
        "it answered": len(record.latencies_ms) >= 3,
        "it was interrupted, and stopped": bool(cut) and record.counters.barge_ins > 0,
        "it called its tool": any('"error"' not in run.output for run in record.tools),
        "it said goodbye and hung up": record.outcome == "agent_hung_up" and heard.outcome == "agent hung up",
    }
