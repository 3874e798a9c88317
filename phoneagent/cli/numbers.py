"""The commands that put the service on a telephone number: `dev`, `numbers`, `doctor`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console
from rich.text import Text

from phoneagent.ops import OpsError
from phoneagent.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from phoneagent.ops.examination import Check, Result
    from phoneagent.ops.tunnel import Tunnel

T = TypeVar("T")

_COLORS = {"ok": "green", "warning": "yellow", "failed": "red", "not checked": "dim"}


@click.command()
@click.option("--number", "wanted", multiple=True, metavar="+1…", help="Number to answer; may be repeated.")
@click.option("--tunnel", type=click.Choice(["ngrok", "cloudflared", "none"]), help="Default: ngrok, none with --url.")
@click.option("--url", help="The https address that leads here; with --tunnel ngrok, the domain to take.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on, in place of PHONEAGENT_PORT.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
def dev(wanted: tuple[str, ...], tunnel: str | None, url: str | None, port: int | None, yes: bool) -> None:
    """Answer calls on this machine, through a tunnel; changed files are read again.

    The numbers that are named are pointed here, and get their old webhooks back at the end. No other is touched.

    \b
    Example: phoneagent dev --number +15550100
    """
    import httpx

    from phoneagent import telemetry
    from phoneagent.ops.dev import Terminal, sources_of
    from phoneagent.ops.dev import dev as run_dev

    settings = load()
    if port is not None:
        settings = replace(settings, port=port)
    telemetry.set_up(settings.log, "warning" if settings.log_level == "info" else settings.log_level)
    terminal = Terminal(say=click.echo, ask=lambda question: yes or click.confirm(question))
    opened = _tunnel(settings, tunnel, url)

    async def work() -> None:
        async with httpx.AsyncClient(timeout=5) as http:
            await run_dev(settings, opened, wanted, terminal, sources=sources_of(settings), http=http)

    _run(work())


@click.command()
@click.option("--connect", "wanted", multiple=True, metavar="+1…", help="Number to point here; may be repeated.")
@click.option("--fallback", metavar="URL", help="What Twilio asks when this service fails; something that is not us.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
def numbers(wanted: tuple[str, ...], fallback: str | None, yes: bool) -> None:
    """Show the account's numbers and what answers each, or connect some to this service.

    \b
    Example: phoneagent numbers --connect +15550100 --fallback https://example.com/sorry.xml
    """
    from phoneagent.ops import numbers as ops
    from phoneagent.ops.account import needed_account
    from phoneagent.ops.webhooks import checked_fallback, checked_public_url
    from phoneagent.roster import read_agents

    settings = load()
    if fallback and not wanted:
        raise click.UsageError("--fallback goes with --connect")
    console = Console(highlight=False)

    async def show() -> None:
        api = needed_account(settings)
        try:
            table = ops.table(await api.numbers(), settings.public_url, read_agents(settings).directory)
            console.print(table if table.row_count else "This account has no number; buy one in the Twilio console.")
            if settings.public_url is None:
                console.print("PHONEAGENT_PUBLIC_URL is not set, so none can point here.")
        finally:
            api.close()

    async def connect() -> None:
        public_url = checked_public_url(settings.public_url)
        checked = checked_fallback(fallback, public_url) if fallback else None
        api = needed_account(settings)
        try:
            chosen = ops.chosen(await api.numbers(), wanted, settings.region)
            ops.ask_about_winners(chosen, lambda question: yes or click.confirm(question))
            await ops.connect(api, chosen, public_url, checked, console)
            for warning in ops.unanswered(chosen, read_agents(settings).directory):
                console.print(warning, soft_wrap=True)
        finally:
            api.close()

    _run(connect() if wanted else show())


@click.command()
@click.option("--fix", is_flag=True, help="Offer to mend what can be mended from here.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def doctor(fix: bool, as_json: bool) -> None:
    """Look whether a telephone call would reach an agent, from the settings to a session with the model.

    Exits with 0 if nothing has failed. What could not be checked is said, with the reason.

    \b
    Example: phoneagent doctor --fix
    """
    from phoneagent import telemetry
    from phoneagent.ops.doctor import examine, mended, patient, unexamined

    if fix and as_json:
        raise click.UsageError("--fix asks questions, which --json can't show")
    telemetry.set_up("human", "error")
    console = Console(highlight=False)
    results: list[tuple[Check, Result]] = []

    async def look(settings: Settings) -> None:
        async with patient(settings) as examined:
            async for check, result in examine(examined):
                results.append((check, result))
                if not as_json:
                    _show(console, check, result)
            for place, (check, result) in enumerate(results):
                if fix and result.fix is not None and click.confirm(result.fix.question):
                    results[place] = check, await mended(examined, check, result.fix)
                    _show(console, *results[place])

    try:
        _run(look(replace(load(), log="human", log_level="error")))  # the embedded engine's too
    except SettingsError as error:
        results = unexamined(error.problems)
        if not as_json:
            for check, result in results:
                _show(console, check, result)
    statuses = [result.status for _, result in results]
    if as_json:
        lines = [{"check": c.name, "status": r.status, "found": r.found, "to_do": r.to_do} for c, r in results]
        click.echo(json.dumps(lines, indent=2))
    else:
        console.print(", ".join(f"{statuses.count(status)} {status}" for status in _COLORS if status in statuses))
    sys.exit(1 if "failed" in statuses else 0)


def _show(console: Console, check: Check, result: Result) -> None:
    line = Text.assemble((f"{result.status:<12}", _COLORS[result.status]), f"{check.name:<19}{result.found}")
    console.print(line, soft_wrap=True)
    if result.to_do:
        console.print(Text(f"{'':12}{'':19}{result.to_do}"), soft_wrap=True)


def _tunnel(settings: Settings, tunnel: str | None, url: str | None) -> Callable[[int], Tunnel]:
    from phoneagent.ops import tunnel as ways
    from phoneagent.ops.webhooks import checked_public_url

    try:
        url = checked_public_url(url, "--url") if url else None
        match tunnel or ("none" if url else "ngrok"):
            case "ngrok":
                return lambda port: ways.ngrok(port, settings.ngrok_authtoken, url)
            case "cloudflared":
                if url:
                    raise click.UsageError("cloudflared finds an address itself: take --url without --tunnel")
                return ways.cloudflared
            case _:
                address = url or checked_public_url(settings.public_url)
                return lambda port: ways.given(address)
    except OpsError as error:
        raise click.ClickException(str(error)) from None


def _run(work: Coroutine[Any, Any, T]) -> T:
    import uvloop

    from phoneagent.twilio.errors import TwilioError

    try:
        return uvloop.run(work)
    except (OpsError, TwilioError) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        sys.exit(130)
