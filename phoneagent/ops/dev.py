"""`phoneagent dev`: the service behind a tunnel, on telephone numbers that get their old webhooks back."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

import phoneagent
from phoneagent.account import twilio_api
from phoneagent.ops import OpsError
from phoneagent.ops.account import needed_account
from phoneagent.ops.borrowed import BorrowedNumbers, alone
from phoneagent.ops.numbers import Ask, ask_about_winners, chosen, unanswered
from phoneagent.ops.reloading import ReloadingService, answers
from phoneagent.ops.tunnel import Tunnel, Way
from phoneagent.ops.webhooks import INCOMING
from phoneagent.port import listen
from phoneagent.roster import read_agents
from phoneagent.settings import Settings
from phoneagent.twilio.rest import PhoneNumber, TwilioApi, TwilioError

LOANS = "dev-numbers.json"  # in the data folder
_REACHABLE_WITHIN_S = 15.0

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Terminal:
    """Who sits there: `say` shows a line, `ask` puts a question."""

    say: Say
    ask: Ask


def sources_of(settings: Settings) -> list[Path]:
    """The files that the service reads at its start only."""
    return [Path(phoneagent.__file__).parent, settings.agents.absolute().parent / "tools", Path(".env")]


async def dev(
    settings: Settings,
    open_tunnel: Callable[[int], Tunnel],
    wanted: Sequence[str],
    terminal: Terminal,
    *,
    sources: Sequence[Path],
    http: httpx.AsyncClient,
) -> None:
    """Serve on the numbers `wanted`, and on no other, until a signal comes or the tunnel breaks.

    `open_tunnel` is told the port; `http` looks from outside whether the service can be reached. Raises OpsError,
    SettingsError and TwilioError for what is wrong, after giving back whatever was borrowed.
    """
    if settings.twilio_auth_token is None:
        raise OpsError("TWILIO_AUTH_TOKEN must be set: without it nothing that comes through a tunnel is served")
    settings = replace(settings, port=_free_port(settings))
    async with AsyncExitStack() as stack:
        loans = _data_folder(settings) / LOANS
        stack.enter_context(alone(loans))
        api = needed_account(settings) if wanted or loans.exists() else twilio_api(settings)
        numbers, borrowed = [], None
        if api is not None:
            stack.callback(api.close)
            borrowed = BorrowedNumbers(api, loans, terminal.say)
            await borrowed.give_back()  # what an earlier run was killed with
            numbers = await _numbers(api, wanted, settings.region, terminal.ask) if wanted else []
        way = await stack.enter_async_context(open_tunnel(settings.port))
        service = ReloadingService(_url(settings), way.url, sources, terminal.say)
        stack.push_async_callback(service.stop)
        work = asyncio.create_task(_work(settings, way, service, borrowed, numbers, terminal, http))
        _on_signals(work, service)
        try:
            await work
        except asyncio.CancelledError:
            if (me := asyncio.current_task()) is None or me.cancelling():
                raise  # it was not a signal


async def _work(
    settings: Settings,
    way: Way,
    service: ReloadingService,
    borrowed: BorrowedNumbers | None,
    numbers: Sequence[PhoneNumber],
    terminal: Terminal,
    http: httpx.AsyncClient,
) -> None:
    await service.start()
    keeping_up = asyncio.create_task(service.keep_up())
    try:
        if not await _reachable(http, way.url):
            terminal.say(f"warning: {way.url} does not lead here, as seen from this machine: see `phoneagent doctor`")
        if borrowed is not None and numbers:
            await borrowed.borrow(numbers, way.url)
        _announce(settings, way.url, numbers, terminal.say)
        raise OpsError(await way.broken)
    finally:
        keeping_up.cancel()
        if borrowed is not None:
            await borrowed.give_back()  # first, while the service still answers


def _data_folder(settings: Settings) -> Path:
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OpsError(f"PHONEAGENT_DATA: {settings.data.absolute()} can't be made: {error.strerror}") from None
    return settings.data


def _free_port(settings: Settings) -> int:
    with listen(settings.host, settings.port) as listener:
        port: int = listener.getsockname()[1]
        return port


def _url(settings: Settings) -> str:
    host = settings.host.replace("0.0.0.0", "127.0.0.1")  # noqa: S104  # no address to dial
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


async def _numbers(api: TwilioApi, wanted: Sequence[str], region: str | None, ask: Ask) -> list[PhoneNumber]:
    if await _is_trial(api):
        raise OpsError("this is a trial account, which can't open media streams: upgrade it in the Twilio console")
    numbers = chosen(await api.numbers(), wanted, region)
    ask_about_winners(numbers, ask)
    return numbers


async def _is_trial(api: TwilioApi) -> bool:
    try:
        return (await api.account()).type == "Trial"
    except TwilioError as error:
        if error.status in (401, 403):
            return False  # most API keys may not read the account; a wrong one will fail with the numbers too
        raise


async def _reachable(http: httpx.AsyncClient, url: str) -> bool:
    try:
        async with asyncio.timeout(_REACHABLE_WITHIN_S):
            while not await answers(http, url):  # noqa: ASYNC110  # nobody tells us when
                await asyncio.sleep(0.5)
    except TimeoutError:
        return False
    return True


def _announce(settings: Settings, url: str, numbers: Sequence[PhoneNumber], say: Say) -> None:
    directory = read_agents(settings).directory
    for warning in unanswered(numbers, directory):
        say(warning)
    if numbers:
        say(f"call {' or '.join(number.number for number in numbers)}")
    else:
        say(f"no number was named with --number, so none was changed: point one at {url}{INCOMING} yourself")


def _on_signals(work: asyncio.Task[None], service: ReloadingService) -> None:
    """The first signal ends the work; a second one does not wait for its calls."""

    def told() -> None:
        if work.cancelling() or work.done():
            service.hurry()
        else:
            work.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, told)
