"""The command for calls that the service places."""

from __future__ import annotations

import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from phoneagent.cli.kept import run
from phoneagent.core.dials import FINAL
from phoneagent.settings import Settings, load

if TYPE_CHECKING:
    import httpx

    from phoneagent.store.keys import ApiKey

LOOK_EVERY_S = 0.5
KEY_LIFETIME = timedelta(minutes=10)
TRIES = 3  # of a request that gets no answer; its Idempotency-Key makes them one

_WORDS = {
    "pending": "waits for its turn",
    "dialing": "dialling",
    "unknown": "Twilio gave no answer; looking whether the call was placed",
    "placed": "placed",
    "ringing": "ringing",
    "live": "answered",
    "completed": "ended",
    "machine": "ended",
    "busy": "busy",
    "no_answer": "no answer",
    "failed": "failed",
    "canceled": "canceled",
}

Text = Callable[[], Awaitable[str]]  # the text of a key that is good at this moment


@click.command()
@click.argument("to", metavar="NUMBER")
@click.option("--agent", required=True, help="Who calls.")
@click.option("--var", "given", multiple=True, metavar="NAME=VALUE", help="For {{var.NAME}} in its prompt; repeatable.")
@click.option("--from", "from_", metavar="NUMBER", help="Which of the agent's numbers calls; default: the first.")
@click.option("--url", help="The running service; default: the one of these settings, on this machine.")
@click.option("--key", help="API key; without it one is made for this command.")
@click.option("--wait/--no-wait", default=True, help="Stay until the call is over (default), or not.")
def call(
    to: str, agent: str, given: tuple[str, ...], from_: str | None, url: str | None, key: str | None, wait: bool
) -> None:
    """Have an agent call somebody. The service must be running.

    Ends with 0 if somebody answered. Ctrl-C leaves the call as it is.

    \b
    Example: phoneagent call +12125550123 --agent sales --var name=Ada
    """
    wanted: dict[str, Any] = {"to": to, "agent": agent, "variables": _variables(given)}
    if from_ is not None:
        wanted["from"] = from_
    settings = load()
    sys.exit(run(_call(settings, _checked(url) if url else _own_url(settings), key, wanted, wait)))


async def _call(settings: Settings, url: str, key: str | None, wanted: dict[str, Any], wait: bool) -> int:
    import asyncio

    import httpx

    async with (
        _key(settings, key) as text,
        # no proxy stands between us and the service
        httpx.AsyncClient(base_url=url, timeout=10, trust_env=False) as http,
    ):
        dial = await _asked(http, text, "POST", "/api/calls", json=wanted)
        said = ""
        while True:
            if dial["state"] != said:
                said = dial["state"]
                why = dial["reason"] if said in FINAL - {"completed"} else None
                click.echo(f"{_WORDS[said]}: {why}" if why else _WORDS[said])
            if said in FINAL or not wait:
                return 1 if said in FINAL - {"completed"} else 0
            await asyncio.sleep(LOOK_EVERY_S)
            dial = await _asked(http, text, "GET", f"/api/calls/{dial['id']}")


async def _asked(http: httpx.AsyncClient, text: Text, method: str, path: str, **content: Any) -> Any:
    """What the service answers. Raises ClickException with what to do."""
    import httpx

    headers = {"Idempotency-Key": secrets.token_hex(16)}
    for left in reversed(range(TRIES)):
        headers["Authorization"] = f"Bearer {await text()}"
        try:
            response = await http.request(method, path, headers=headers, **content)
            break
        except httpx.ConnectError:
            raise click.ClickException(
                f"no service answers at {http.base_url}: start it with phoneagent serve, or name another with --url"
            ) from None
        except httpx.TransportError as error:
            if not left:
                raise click.ClickException(f"{http.base_url} gives no answer: {type(error).__name__}") from None
    try:
        answer = response.json()
        if response.is_success:
            return answer
        message = answer["message"]
    except (ValueError, KeyError, TypeError):
        raise click.ClickException(
            f"{http.base_url} is no phoneagent, or does not serve this machine (HTTP {response.status_code})"
        ) from None
    if response.status_code in (401, 403):
        message += "; make one with phoneagent keys create, with the settings of the service, and pass it with --key"
    raise click.ClickException(message)


@asynccontextmanager
async def _key(settings: Settings, given: str | None) -> AsyncIterator[Text]:
    """The key that was given; or one of our own in the store of these settings, renewed in time, deleted at the end."""
    if given is not None:

        async def as_given() -> str:
            return given

        yield as_given
        return
    from phoneagent.storage import open_records

    store = await open_records(settings)
    made: list[tuple[ApiKey, str]] = []

    async def renewed() -> str:
        now = datetime.now(UTC)
        if not made or now - made[-1][0].created > KEY_LIFETIME / 2:
            made.append(await store.keys.create("phoneagent call", lifetime=KEY_LIFETIME))
        return made[-1][1]

    try:
        yield renewed
    finally:
        for key, _ in made:
            await store.keys.delete(key.id)
        await store.close()


def _variables(given: tuple[str, ...]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    if wrong := [name for name, equals, _ in pairs if not (name and equals)]:
        raise click.BadParameter(f"{wrong[0]!r} must be NAME=VALUE", param_hint="--var")
    return {name: value for name, _, value in pairs}


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number
        usable = False
    if not usable:
        raise click.BadParameter(f"{url!r} must be an address such as http://127.0.0.1:8000", param_hint="--url")
    return url


def _own_url(settings: Settings) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104  # no address to dial
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
