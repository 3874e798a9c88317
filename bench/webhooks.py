"""Sends webhooks to a receiver that fails in many ways; says what has arrived: `python -m bench.webhooks --help`."""

from __future__ import annotations

import asyncio
import logging
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import click
import uvloop
from standardwebhooks import Webhook, WebhookVerificationError

from phoneagent.records.delivery import Courier
from phoneagent.records.sending import Sender
from phoneagent.store.database import Database, open_database
from phoneagent.store.deliveries import Deliveries, Delivery
from phoneagent.store.outbox import announce
from phoneagent.store.webhooks import Webhooks

DELAYS_S = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5)  # as many as there are, but of hours
TIMEOUT_S = 0.5
FAULTS = ("500", "429", "302", "silent", "slow", "reset", "reset after it was accepted", "torn", "nonsense")
FAULTY = 0.35  # of all requests


@dataclass
class Receiver:
    """A server that takes what is signed with `secret`, unless it fails; or is `gone` after so many messages."""

    gone_after: int | None = None
    url: str = ""
    verifier: Webhook | None = None
    requests: int = 0
    accepted: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    unsigned: int = 0
    random: random.Random = field(default_factory=lambda: random.Random(4))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a connection."""
        try:
            while await self._answer(*await _request(reader), writer):
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on."""
        self.requests += 1
        assert self.verifier is not None
        try:
            self.verifier.verify(body, headers)
        except WebhookVerificationError:
            self.unsigned += 1
        if self.gone_after is not None and len(self.accepted) >= self.gone_after:
            writer.write(_status("410 Gone"))
            return True
        fault = self.random.choice(FAULTS) if self.random.random() < FAULTY else ""
        self.faults[fault] += 1
        match fault:
            case "500" | "429":
                writer.write(_status(f"{fault} -"))
                return True
            case "302":
                writer.write(b"HTTP/1.1 302 -\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
                return True
            case "silent":
                await asyncio.sleep(2 * TIMEOUT_S)
                return False
            case "reset":
                writer.transport.abort()
                return False
            case "torn":
                writer.write(b"HTTP/1.1 20")
                return False
            case "nonsense":
                writer.write(b"\x16\x03\x01 no HTTP at all\r\n\r\n")
                return False
            case "slow":
                await asyncio.sleep(TIMEOUT_S / 3)
        self.accepted[headers["webhook-id"]] += 1
        if fault == "reset after it was accepted":
            writer.transport.abort()
            return False
        writer.write(_status("204 -"))
        return True


async def _request(reader: asyncio.StreamReader) -> tuple[dict[str, str], bytes]:
    _, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return headers, await reader.readexactly(int(headers["content-length"]))


def _status(text: str) -> bytes:
    return f"HTTP/1.1 {text}\r\nContent-Length: 0\r\n\r\n".encode()


@asynccontextmanager
async def _listening(receiver: Receiver) -> AsyncIterator[None]:
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/calls"
    try:
        yield
    finally:
        server.close()


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of it. `late`: messages to the receiver that is gone, claimed after it was disabled."""

    flaky: Receiver
    gone: Receiver
    deliveries: list[Delivery]
    late: int
    seconds: float

    @property
    def missing(self) -> int:
        """Messages that the flaky receiver has never accepted."""
        return len(self.deliveries) - len(self.flaky.accepted)


async def run(count: int, address: str, *, couriers: int = 2, delays_s: Sequence[float] = DELAYS_S) -> Figures:
    """Have so many messages sent by several services to a flaky receiver, and to one that is gone after ten."""
    flaky, gone = Receiver(), Receiver(gone_after=10)
    databases = [await open_database(address) for _ in range(couriers)]
    webhooks, deliveries = Webhooks(databases[0]), Deliveries(databases[0])
    async with _listening(flaky), _listening(gone):
        ids = []
        for receiver in (flaky, gone):
            webhook, secret = await webhooks.add(receiver.url, ["call.ended"], allow_private=True)
            receiver.verifier = Webhook(secret)
            ids.append(webhook.id)
        await _announce(databases[0], count)
        began = time.monotonic()
        working = [_courier(database, delays_s) for database in databases]
        for courier in working:
            courier.start()
        while await deliveries.newest(1, state="pending"):  # noqa: ASYNC110 - the end shows in the database only
            await asyncio.sleep(0.1)
        seconds = time.monotonic() - began
        for courier in working:
            await courier.close()
        [disabled] = [webhook.disabled for webhook in await webhooks.list() if webhook.id == ids[1]]
        assert disabled is not None
        tried = [delivery.tried for delivery in await deliveries.newest(count, webhook_id=ids[1])]
        late = sum(moment is not None and moment > disabled for moment in tried)
        of_flaky = await deliveries.newest(count, webhook_id=ids[0])
    for database in databases:
        await database.close()
    return Figures(flaky, gone, of_flaky, late, seconds)


def _courier(database: Database, delays_s: Sequence[float]) -> Courier:
    sender = Sender(timeout_s=TIMEOUT_S)
    return Courier(Webhooks(database), Deliveries(database), sender, delays_s=delays_s, every_s=0.05)


async def _announce(database: Database, count: int) -> None:
    now = datetime.now(UTC)
    for first in range(0, count, 100):
        async with database.begin() as connection:
            for n in range(first, min(first + 100, count)):
                await announce(connection, "call.ended", f"call{n}_ended", f"call{n}", now, {"call_id": f"call{n}"})


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--count", default=10_000, show_default=True, help="How many messages.")
@click.option("--database", help="A PostgreSQL that is empty; a new SQLite, if none is given.")
def main(count: int, database: str | None) -> None:
    """Send messages to a receiver that fails in many ways, and print what has arrived.

    \b
    Example: python -m bench.webhooks --count 10000
    """
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        figures = uvloop.run(run(count, database or f"sqlite:///{folder}/phoneagent.db"))
    flaky, gone = figures.flaky, figures.gone
    states = Counter(delivery.state for delivery in figures.deliveries)
    attempts = Counter(delivery.attempts for delivery in figures.deliveries)
    click.echo(f"{count} messages in {figures.seconds:.0f} s: {dict(states)}")
    click.echo(f"accepted: {len(flaky.accepted)}, missing: {figures.missing}, twice or more: {_repeated(flaky)}")
    click.echo(f"requests: {flaky.requests}, not signed as they should be: {flaky.unsigned + gone.unsigned}")
    click.echo("faults: " + ", ".join(f"{name} {flaky.faults[name]}" for name in FAULTS))
    click.echo("attempts: " + ", ".join(f"{attempt}: {number}" for attempt, number in sorted(attempts.items())))
    click.echo(
        f"to the receiver that is gone after ten: {gone.requests} requests, {figures.late} after it was disabled"
    )


def _repeated(receiver: Receiver) -> int:
    return sum(times > 1 for times in receiver.accepted.values())


if __name__ == "__main__":
    main()
