"""Builds the service: every object is made here, and given just what it needs."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from phoneagent import prices
from phoneagent.account import twilio_api
from phoneagent.calls.answer import Switchboard
from phoneagent.calls.board import Board
from phoneagent.calls.browser import BrowserPhones
from phoneagent.calls.day_totals import DayTotals
from phoneagent.calls.event_log import EventLogs
from phoneagent.calls.health import Health
from phoneagent.calls.keeper import Keeper
from phoneagent.calls.live import Feed
from phoneagent.calls.outbound import Dialer
from phoneagent.calls.recording import Recorder
from phoneagent.calls.spending import Purse
from phoneagent.calls.transfers import Escorts
from phoneagent.calls.views import ServiceView
from phoneagent.core.spending import Ledger
from phoneagent.engine import open_engine
from phoneagent.keeping import keeping
from phoneagent.port import bracketed, listen
from phoneagent.records.erasure import delete_calls
from phoneagent.records.files import Files
from phoneagent.roster import Agents, read_agents
from phoneagent.settings import Settings, SettingsError
from phoneagent.shown import shown
from phoneagent.storage import open_records, recording_files
from phoneagent.store import Store
from phoneagent.store.behind import Backlog
from phoneagent.tools import WorkersError
from phoneagent.twilio.addresses import Addresses
from phoneagent.web.access.access import Access
from phoneagent.web.access.tickets import Tickets
from phoneagent.web.api import Backend, Telephone, create_api
from phoneagent.web.app import create_app
from phoneagent.web.console import Sources, create_console
from phoneagent.web.drain import Drain
from phoneagent.web.guard import guard_for
from phoneagent.web.headers import SecurityHeaders
from phoneagent.web.server import DrainServer, create_server
from phoneagent.web.site import Site

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """The service while it runs. `url` is where it listens; `done` ends when it has."""

    url: str
    feed: Feed
    agents: Agents
    switchboard: Switchboard
    server: DrainServer
    done: asyncio.Task[None]


async def open_access(settings: Settings, store: Store, public_url: str) -> Access:
    """Who gets in to the console. Says in the log what it lacks while nobody has a password."""
    password = settings.admin_password
    fingerprint = None if password is None else await store.passwords.fingerprint(password)
    access = Access(store.users, store.sessions, store.passwords, store.audit, public_url, admin=fingerprint)
    if not await access.has_passwords():
        log.warning(access.without_password)
    return access


@asynccontextmanager
async def running(settings: Settings, *, signals: bool = False) -> AsyncIterator[Service]:
    """The service, listening. `signals`: whether a first SIGTERM or SIGINT lets it wait for its calls.

    Raises SettingsError for what is found to be wrong only when it is used.
    """
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(listen(settings.host, settings.port))
        url = f"http://{bracketed(settings.host)}:{listener.getsockname()[1]}"
        if not settings.agents.is_dir():
            raise SettingsError([f"PHONEAGENT_AGENTS: there is no folder {settings.agents.absolute()}"])
        agents = read_agents(settings)
        price_list = prices.load(settings.prices)
        store = await open_records(settings)
        stack.push_async_callback(store.close)
        kept = await stack.enter_async_context(
            keeping(settings, store, price_list, recording_files(settings), lambda: agents.directory.agents)
        )
        recorder = Recorder(settings.data.absolute() / "recordings", settings.recording_format)
        stack.push_async_callback(recorder.close)
        event_logs = EventLogs(settings.data.absolute() / "events")
        stack.push_async_callback(event_logs.close)
        stack.push_async_callback(agents.toolbox.close)
        try:
            await agents.toolbox.start()
        except WorkersError as error:
            raise SettingsError([str(error)]) from None
        getting_ready = asyncio.create_task(agents.get_ready())
        stack.callback(getting_ready.cancel)
        engine = await open_engine(settings, stack)
        await getting_ready
        tokens = [token for token in (settings.twilio_auth_token, settings.twilio_auth_token_next) if token]
        if tokens and not settings.public_url:
            log.warning("PHONEAGENT_PUBLIC_URL is not set: Twilio's requests will not be recognized as its own")
        public_url = settings.public_url or url.replace("//0.0.0.0", "//127.0.0.1").replace("//[::]", "//[::1]")
        tickets = Tickets()
        guard, drain = guard_for(public_url, tokens, tickets), Drain()
        feed, health = Feed(), Health(lambda: datetime.now(UTC))
        feed.watch(health.take)
        keeper = Keeper(feed, kept.put)
        ledger = Ledger()
        purse = Purse(ledger, settings.day_usd)
        day_totals = DayTotals(ledger, partial(store.calls.spent, but_for=kept.instance))
        await day_totals.refresh()
        escorts = dialer = None
        if (twilio := twilio_api(settings)) is not None:
            stack.callback(twilio.close)
            escorts = Escorts(twilio, Addresses(public_url))
            dialer = Dialer(
                twilio,
                store.dials,
                agents.directory,
                public_url,
                purse=purse,
                region=settings.region,
                calls_per_second=settings.calls_per_second,
                resting=lambda: drain.begun,
            )
        switchboard = Switchboard(
            agents.directory,
            engine,
            agents.toolbox,
            keeper,
            price_list if tokens else price_list.without_telephone(),
            max_calls=settings.max_calls,
            purse=purse,
            clock=lambda: datetime.now(UTC),
            region=settings.region,
            escorts=escorts,
            dials=dialer,
            recorder=recorder,
            event_logs=event_logs,
        )
        if dialer is not None:  # before the first callback can come, and until after the last
            stack.push_async_callback(dialer.close)
            await dialer.start(switchboard)
        files = recording_files(settings)
        delete = partial(delete_calls, store, Files(store.erasure, settings.data.absolute(), files))
        board = Board(
            switchboard, partial(_service_view, settings, switchboard, engine.name, health, drain, kept.backlog)
        )
        access = await open_access(settings, store, public_url)
        phones = BrowserPhones(switchboard, agents.directory, purse, lambda: datetime.now(UTC))
        telephone = Telephone(phones, tickets)
        api = create_api(
            Backend(
                access,
                store,
                files,
                delete,
                dialer,
                drain,
                telephone,
                agents.directory,
                engine.name,
                board,
                settings.day_usd,
                shown(settings),
            )
        )
        console = create_console(
            Sources(
                access,
                store,
                lambda: agents.directory.agents,
                board.has,
                board.is_over,
                settings.region,
                shown(settings),
            )
        )
        site = SecurityHeaders(Site(api, console), https=public_url.startswith("https:"))
        app = create_app(switchboard, public_url, guard, drain, site=site, remarks=lambda: _remarks(kept.backlog()))
        server = create_server(
            app,
            switchboard,
            guard,
            drain,
            host=settings.host,
            port=settings.port,
            drain_s=settings.drain_s,
            signals=signals,
        )
        for work in (agents.directory.watch(), agents.keep_ready(), day_totals.keep_fresh()):
            stack.callback(asyncio.create_task(work).cancel)
        recorder.start(keeper.recorded)
        for problem in agents.problems:
            log.error("a tool file has a problem", extra={"problem": str(problem)})
        switchboard.warn_of_useless_tools()
        if not agents.directory.agents:
            log.warning("no agent can answer a call", extra={"folder": str(settings.agents.absolute())})
        done = asyncio.create_task(server.serve(sockets=[listener]))
        stack.push_async_callback(_stop, server, done)
        await asyncio.wait({done, asyncio.ensure_future(server.listening.wait())}, return_when=asyncio.FIRST_COMPLETED)
        log.info("listening", extra={"url": url, "public_url": public_url, "engine": engine.name})
        yield Service(url, feed, agents, switchboard, server, done)


async def serve(settings: Settings) -> None:
    """Run the service until it is told to stop, and its calls are over."""
    async with running(settings, signals=True) as service:
        # What is loaded by now stays. Without this a full garbage collection looks through all of it, and every call
        # stands still meanwhile, for about 60 ms.
        gc.collect()
        gc.freeze()
        await service.done


def _service_view(
    settings: Settings,
    switchboard: Switchboard,
    engine: str,
    health: Health,
    drain: Drain,
    backlog: Callable[[], Backlog],
) -> ServiceView:
    reasons = switchboard.reasons_not_ready()
    return ServiceView(
        live=switchboard.live_calls,
        max_calls=settings.max_calls,
        engine=engine,
        engine_problem=health.engine_problem,
        telephone=settings.twilio_auth_token is not None and settings.public_url is not None,
        last_call=None if health.last_call is None else health.last_call.isoformat(),
        ready=not reasons and not drain.begun,
        reasons=reasons,
        remarks=_remarks(backlog()),
        draining=drain.begun,
    )


def _remarks(backlog: Backlog) -> list[str]:
    """What is wrong, though calls are answered."""
    away = [] if backlog.away_s is None else [f"the database is away, {backlog.entries} records wait"]
    return away + ([f"{backlog.dropped} records had to be dropped"] if backlog.dropped else [])


async def _stop(server: DrainServer, done: asyncio.Task[None]) -> None:
    server.should_exit = True
    await done
