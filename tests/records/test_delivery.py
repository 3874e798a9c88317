"""Messages arrive, whatever their receivers do, and stop when they are not wanted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from bench.webhooks import DELAYS_S, run
from phoneagent.records.delivery import Courier
from phoneagent.records.sending import Answer, Sender
from phoneagent.store.database import Database, StoreError, open_database
from phoneagent.store.deliveries import LEASE, Deliveries, Delivery
from phoneagent.store.outbox import announce
from phoneagent.store.webhooks import Webhooks
from tests.tools.web import Received, answer, serving

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
AWAY = StoreError("the database is away")


class Service:
    """A database with webhooks, a courier, and a clock that tests set."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOON
        self.webhooks = Webhooks(database, lambda: self.now)
        self.deliveries = Deliveries(database, lambda: self.now)

    def courier(self, *, timeout_s: float = 60.0) -> Courier:
        return Courier(
            self.webhooks,
            self.deliveries,
            Sender(timeout_s=timeout_s),
            every_s=0.01,
            clock=lambda: self.now,
            jitter=lambda: 1.0,
        )

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        courier = self.courier()
        courier.start()
        yield
        await courier.close()

    async def add(self, port: int) -> tuple[str, str]:
        webhook, secret = await self.webhooks.add(f"http://127.0.0.1:{port}/", ["call.ended"], allow_private=True)
        return webhook.id, secret

    async def tell(self, *event_ids: str) -> None:
        async with self.database.begin() as connection:
            for event_id in event_ids:
                await announce(connection, "call.ended", event_id, "c1", self.now, {"call_id": "c1"})

    async def until(self, holds: Callable[..., bool], *arguments: Any) -> Delivery:
        """The newest delivery, once that is true of it."""

        async def looked() -> Delivery | None:
            [delivery] = await self.deliveries.newest(1)
            return delivery if holds(delivery, *arguments) else None

        return await eventually(looked)


async def eventually(look: Callable[[], Awaitable[Any]]) -> Any:
    """What is seen once something is."""
    async with asyncio.timeout(30):
        while not (seen := await look()):  # noqa: ASYNC110 - what is looked for is in a database
            await asyncio.sleep(0.005)
    return seen


@pytest.fixture
async def service(tmp_path, monkeypatch) -> AsyncIterator[Service]:
    monkeypatch.setattr("phoneagent.records.delivery._CLOSE_S", 30.0)  # however busy the machine is
    database = await open_database(f"sqlite:///{tmp_path}/a.db")
    yield Service(database)
    await database.close()


async def test_an_event_is_on_its_way_as_soon_as_it_is_written_down(service):
    async with serving(lambda request: answer(status=204)) as server, service.working():
        _, secret = await service.add(server.port)
        await service.tell("c1_ended")
        delivery = await service.until(lambda delivery: delivery.state == "delivered")
        assert (delivery.status, delivery.attempts) == (204, 1)
        [request] = server.received
        assert Webhook(secret).verify(request.body, request.headers)["data"] == {"call_id": "c1"}


async def test_it_is_tried_by_the_table_of_the_specification_and_then_given_up(service, caplog):
    table = [5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600]
    async with serving(lambda request: answer(status=500)) as server, service.working():
        await service.add(server.port)
        await service.tell("c1_ended")
        for attempt, delay_s in enumerate(table, 1):
            due = service.now + timedelta(seconds=delay_s)
            await service.until(lambda delivery, *then: (delivery.attempts, delivery.due) == then, attempt, due)
            service.now = due
        last = await service.until(lambda delivery: delivery.state == "failed")
        assert (last.attempts, last.due, last.problem) == (10, None, "it answered 500 Internal Server Error")
        assert len(server.received) == 10
        assert len({request.headers["webhook-id"] for request in server.received}) == 1
    assert [record.levelname for record in caplog.records].count("ERROR") == 1
    assert "phoneagent webhooks redeliver" in caplog.text


async def test_attempts_of_many_calls_do_not_all_come_at_once(service):
    courier = Courier(service.webhooks, service.deliveries, Sender(), every_s=0.01, clock=lambda: service.now)
    async with serving(lambda request: answer(status=500)) as server:
        await service.add(server.port)
        await service.tell(*(f"c{n}_ended" for n in range(20)))
        courier.start()

        async def all_failed() -> Any:
            found = await service.deliveries.newest()
            return found if all(delivery.problem for delivery in found) else None

        delays_s = {(delivery.due - NOON).total_seconds() for delivery in await eventually(all_failed)}
        await courier.close()
    assert len(delays_s) > 15
    assert all(4.5 <= delay_s <= 5.5 for delay_s in delays_s)


async def test_a_receiver_may_ask_for_more_time_but_not_for_all(service):
    waits = iter(["60", "1", "99999999"])
    async with (
        serving(lambda request: answer(status=503, Retry_After=next(waits))) as server,
        service.working(),
    ):
        await service.add(server.port)
        await service.tell("c1_ended")
        due = NOON
        for attempt, wait in enumerate((timedelta(minutes=1), timedelta(minutes=5), timedelta(days=1)), 1):
            service.now, due = due, due + wait
            await service.until(lambda delivery, *then: (delivery.attempts, delivery.due) == then, attempt, due)


async def test_who_says_gone_is_sent_nothing_any_more(service, caplog):
    async with serving(lambda request: answer(status=410)) as server, service.working():
        webhook, _ = await service.add(server.port)
        await service.tell("c1_ended")
        last = await service.until(lambda delivery: delivery.state == "failed")
        assert (last.status, last.problem) == (410, "it answered 410 Gone")

        async def disabled() -> Any:
            return [hook for hook in await service.webhooks.list() if hook.disabled]

        [hook] = await eventually(disabled)
        assert (hook.id, hook.disabled_because) == (webhook, "it answered 410 Gone")
        await service.tell("c2_ended")
        assert len(server.received) == 1
    assert "its receiver wants no more" in caplog.text


async def test_a_slow_receiver_does_not_hold_up_another(service):
    never = asyncio.Event()

    async def silent(request: Received) -> bytes:
        await never.wait()
        return answer()

    async with serving(silent) as slow, serving(lambda request: answer()) as quick, service.working():
        await service.add(slow.port)
        await service.add(quick.port)
        await service.tell(*(f"c{n}_ended" for n in range(40)))

        async def all_arrived() -> bool:
            return len(slow.received) >= 8 and len(await service.deliveries.newest(state="delivered")) == 40

        await eventually(all_arrived)
        assert (len(slow.received), len(quick.received)) == (8, 40)
        never.set()


async def test_what_could_not_be_noted_is_insisted_on(service, monkeypatch):
    delivered = service.deliveries.delivered
    failures = iter([AWAY, AWAY])

    async def sometimes(*arguments: Any) -> None:
        if (failure := next(failures, None)) is not None:
            raise failure
        await delivered(*arguments)

    monkeypatch.setattr(service.deliveries, "delivered", sometimes)
    async with serving(lambda request: answer()) as server, service.working():
        await service.add(server.port)
        await service.tell("c1_ended")
        await service.until(lambda delivery: delivery.state == "delivered")
        assert len(server.received) == 1


async def test_when_the_database_is_back_it_goes_on(service, monkeypatch):
    claim, failures = service.deliveries.claim, iter([AWAY] * 3)

    async def sometimes(*arguments: Any) -> Any:
        if (failure := next(failures, None)) is not None:
            raise failure
        return await claim(*arguments)

    monkeypatch.setattr(service.deliveries, "claim", sometimes)
    async with serving(lambda request: answer()) as server, service.working():
        await service.add(server.port)
        await service.tell("c1_ended")
        await service.until(lambda delivery: delivery.state == "delivered")


async def test_the_end_of_the_last_call_is_told_before_the_service_ends(service):
    async with serving(lambda request: answer()) as server:
        await service.add(server.port)
        await service.tell("c1_ended")
        courier = service.courier()
        courier.start()
        await courier.close()  # before it has looked for the first time
        assert len(server.received) == 1
    [delivery] = await service.deliveries.newest()
    assert delivery.state == "delivered"


async def test_a_receiver_that_hangs_does_not_hold_up_the_end_and_is_sent_it_later(service, monkeypatch):
    monkeypatch.setattr("phoneagent.records.delivery._CLOSE_S", 0.05)

    async def silent(request: Received) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with serving(silent) as server:
        await service.add(server.port)
        await service.tell("c1_ended")
        courier = service.courier(timeout_s=60)
        courier.start()

        async def asked() -> Any:
            return server.received

        await eventually(asked)
        await asyncio.wait_for(courier.close(), 30)
    service.now += LEASE
    [again] = await service.deliveries.claim(1, 1, {})
    assert again.attempt == 2


async def test_no_log_line_says_what_was_sent_or_to_whom(service, caplog):
    caplog.set_level(logging.DEBUG, "phoneagent")
    statuses = iter((500, 200))
    async with serving(lambda request: answer(status=next(statuses))) as server, service.working():
        _, secret = await service.add(server.port)
        await service.tell("c1_ended")
        waiting = await service.until(lambda delivery: delivery.problem is not None)
        service.now = waiting.due
        await service.until(lambda delivery: delivery.state == "delivered")
    logged = str([vars(record) for record in caplog.records if record.name.startswith("phoneagent")])
    assert "webhook not delivered" in logged
    assert not any(private in logged for private in (secret, "call_id", str(server.port)))


async def test_a_flaky_receiver_gets_everything_signed_and_one_that_is_gone_nothing_more(tmp_path):
    delays_s = (*DELAYS_S, *[0.5] * 40)  # a busy machine may be late for many of them, too
    figures = await run(120, f"sqlite:///{tmp_path}/flaky.db", delays_s=delays_s)
    assert {delivery.state for delivery in figures.deliveries} == {"delivered"}
    assert (len(figures.deliveries), figures.missing) == (120, 0)
    assert figures.flaky.requests > 125
    assert figures.flaky.unsigned == figures.gone.unsigned == 0
    assert figures.late == 0


async def test_a_message_that_cant_even_be_sent_is_tried_again_and_given_up_like_any_other(service: Service, caplog):
    class Breaking(Sender):
        async def send(self, *_: object) -> Answer:
            raise RuntimeError("an error of ours")

    await service.add(1)
    await service.tell("c1_ended")
    courier = Courier(service.webhooks, service.deliveries, Breaking(), delays_s=(), every_s=0.01)
    courier.start()
    delivery = await service.until(lambda delivery: delivery.state == "failed")
    assert delivery.problem == "an error of ours: RuntimeError"
    assert "a webhook can't be sent" in caplog.messages
    await courier.close()
