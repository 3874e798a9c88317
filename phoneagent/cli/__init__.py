"""The command line.

Every command is imported to be listed, so each imports what it works with only when it runs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from phoneagent import __version__
from phoneagent.cli.calls import calls
from phoneagent.cli.costs import costs
from phoneagent.cli.erase import erase
from phoneagent.cli.kept import keys, messages
from phoneagent.cli.numbers import dev, doctor, numbers
from phoneagent.cli.outbound import call
from phoneagent.cli.replay import replay
from phoneagent.cli.users import users
from phoneagent.cli.webhooks import webhooks
from phoneagent.prices import PricesError
from phoneagent.settings import SettingsError, load

T = TypeVar("T")


class _Commands(click.Group):
    """Says what is wrong with the settings in a line each, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            for problem in error.problems:
                click.echo(f"phoneagent: {problem}", err=True)
            ctx.exit(2)
        except PricesError as error:
            click.echo(f"phoneagent: PHONEAGENT_PRICES: {error}", err=True)
            ctx.exit(2)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="phoneagent")
def main() -> None:
    """Put a voice agent on a phone number.

    \b
    Settings are environment variables, or lines of .env; README.md has their table.
    """


main.add_command(dev)
main.add_command(numbers)
main.add_command(doctor)
main.add_command(call)
main.add_command(keys)
main.add_command(users)
main.add_command(messages)
main.add_command(webhooks)
main.add_command(calls)
main.add_command(erase)
main.add_command(costs)
main.add_command(replay)


@main.command()
def serve() -> None:
    """Answer calls.

    \b
    Example: PHONEAGENT_PUBLIC_URL=https://your-name.ngrok-free.app phoneagent serve
    """
    from phoneagent import app, telemetry

    settings = load()
    telemetry.set_up(settings.log, settings.log_level)
    _run(app.serve(settings))


@main.command()
def demo() -> None:
    """Have a simulated caller telephone an agent; no key and no account needed.

    \b
    Example: phoneagent demo
    """
    from rich.console import Console

    from phoneagent import telemetry
    from phoneagent.demo import demo as run_demo

    settings = load()
    telemetry.set_up("human", "error")
    sys.exit(0 if _run(run_demo(settings, Console(highlight=False))) else 1)


@main.command()
def check() -> None:
    """Show which agent answers which number, and every problem of the agent files.

    \b
    Example: phoneagent check
    """
    from rich.console import Console

    from phoneagent.agents.check import describe
    from phoneagent.roster import read_agents

    agents = read_agents(load())
    Console().print(describe(agents.directory, agents.problems), soft_wrap=True)
    problems = [*agents.directory.problems, *agents.problems]
    sys.exit(1 if any(problem.severity == "error" for problem in problems) else 0)


@main.command()
def schema() -> None:
    """Print the JSON Schema of an agent file's front matter, for editors.

    \b
    Example: phoneagent schema > agent.schema.json
    """
    from phoneagent.agents.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=9000, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on.")
def engine(host: str, port: int) -> None:
    """Run the embedded engine alone: a Realtime server for anybody's client.

    \b
    Example: phoneagent engine --port 9000, then OPENAI_BASE_URL=http://127.0.0.1:9000/v1
    """
    from phoneagent import telemetry
    from phoneagent.engine import run_engine

    settings = load()
    telemetry.set_up(settings.log, settings.log_level)
    _run(run_engine(settings, host, port))


@main.command()
@click.option("--agent", help="The agent to call, by its name.")
@click.option("--to", "number", help="The number to call, instead of an agent's name.")
@click.option("--say", "words", multiple=True, help="Words to speak, or a WAV file to play; may be repeated.")
@click.option("--barge-in", "barge_in_ms", type=click.IntRange(0), metavar="MS", help="Interrupt each answer after MS.")
@click.option("--press", "digits", default="", help="Keys to press at the end, such as 123#.")
@click.option("--calls", default=1, show_default=True, type=click.IntRange(1, 1000), help="Calls at once.")
@click.option("--url", help="The running service to call; without it one is started.")
@click.option("--recordings", type=click.Path(file_okay=False, path_type=Path), help="Folder for stereo WAV files.")
@click.option("--jitter", "jitter_ms", default=0.0, help="Delay of the network's messages, up to so many ms.")
@click.option("--noise", default=0, type=click.IntRange(0, 5000), help="Level of the caller's background noise.")
def simulate(agent: str | None, number: str | None, **options: Any) -> None:
    """Call an agent with a simulated telephone, over the real wires.

    \b
    Example: phoneagent simulate --agent reception --say "When are you open?" --say "Thank you, goodbye."
    """
    from rich.console import Console

    from phoneagent import telemetry, trial
    from phoneagent.simulate.audio import ClipError

    if (agent is None) == (number is None):
        raise click.UsageError("name one of --agent and --to")
    settings = load()
    if settings.log_level == "info":  # the embedded engine's lines, too, would stand among those of the call
        settings = replace(settings, log_level="warning")
    telemetry.set_up(settings.log, settings.log_level)
    wanted = trial.Trial(to=number or f"client:{agent}", **options)
    try:
        sys.exit(0 if _run(trial.run(wanted, settings, Console(highlight=False))) else 1)
    except ClipError as error:
        click.echo(f"phoneagent: --say: {error}", err=True)
        sys.exit(2)


def _run(work: Coroutine[Any, Any, T]) -> T:
    import uvloop

    try:
        return uvloop.run(work)
    except KeyboardInterrupt:
        sys.exit(130)
