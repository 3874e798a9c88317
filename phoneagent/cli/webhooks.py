"""`phoneagent webhooks`: who is told of what happens on calls, and whether it has arrived."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import click
from rich.table import Table
from rich.text import Text

from phoneagent.cli.kept import DAY_OR_MINUTE, console, moment, note_deed, run, with_store
from phoneagent.core.webhooks import DELIVERY_STATES, EVENTS, DeliveryState, Event

if TYPE_CHECKING:
    from phoneagent.records.sending import Answer
    from phoneagent.store import Store
    from phoneagent.store.deliveries import Delivery
    from phoneagent.store.webhooks import Webhook

T = TypeVar("T")

a_webhook = click.argument("webhook_id", metavar="WEBHOOK")


@click.group()
def webhooks() -> None:
    """Programs of yours that are told of what happens on calls (docs/webhooks.md).

    \b
    Example: phoneagent webhooks add https://example.com/calls
    """


@webhooks.command()
@click.argument("url")
@click.option(
    "--event",
    "events",
    type=click.Choice(EVENTS),
    multiple=True,
    help="What it is told of; may be given several times.  [default: everything]",
)
@click.option("--allow-private", is_flag=True, help="It may be at any address, in this network, too, and without TLS.")
def add(url: str, events: tuple[Event, ...], allow_private: bool) -> None:
    """Tell the program at URL of what happens, and show its secret this once.

    \b
    Example: phoneagent webhooks add https://example.com/calls --event call.ended --event call.failed
    """
    from phoneagent.records.sending import url_problem

    if (problem := url_problem(url, allow_private=allow_private)) is not None:
        raise click.BadParameter(f"{url!r} {problem}", param_hint="URL")

    async def work(store: Store) -> tuple[Webhook, str]:
        webhook, secret = await store.webhooks.add(url, events or EVENTS, allow_private=allow_private)
        await note_deed(store, "webhook.add", id=webhook.id, url=webhook.url, events=list(webhook.events))
        return webhook, secret

    webhook, secret = run(with_store(work))
    click.echo(secret)
    click.echo(f"This is the secret of webhook {webhook.id}. Keep it now: it is not shown again.", err=True)


@webhooks.command("list")
def list_() -> None:
    """Show all webhooks, without their secrets.

    \b
    Example: phoneagent webhooks list
    """

    async def work(store: Store) -> list[Webhook]:
        return await store.webhooks.list()

    if not (found := run(with_store(work))):
        click.echo("No webhooks.")
        return
    table = Table("webhook", "URL", "events", "", box=None)
    for webhook in found:
        events = "everything" if set(webhook.events) == set(EVENTS) else ", ".join(webhook.events)
        state = f"disabled: {webhook.disabled_because or 'by hand'}" if webhook.disabled else ""
        table.add_row(webhook.id, Text(webhook.url), events, Text(state))
    console().print(table)


@webhooks.command()
@a_webhook
def remove(webhook_id: str) -> None:
    """Forget a webhook, and what was to be sent to it.

    \b
    Example: phoneagent webhooks remove 1f81eb52
    """
    _do("remove", webhook_id, lambda store: store.webhooks.remove(webhook_id))
    click.echo("removed")


@webhooks.command()
@a_webhook
def disable(webhook_id: str) -> None:
    """Tell a webhook of nothing any more; what waits to be sent to it has failed.

    \b
    Example: phoneagent webhooks disable 1f81eb52
    """
    _do("disable", webhook_id, lambda store: store.webhooks.disable(webhook_id))
    click.echo("disabled")


@webhooks.command()
@a_webhook
def enable(webhook_id: str) -> None:
    """Tell a webhook of what happens from now on; `redeliver` sends what it has missed of before it was disabled.

    \b
    Example: phoneagent webhooks enable 1f81eb52
    """
    _do("enable", webhook_id, lambda store: store.webhooks.enable(webhook_id))
    click.echo("enabled")


@webhooks.command()
@a_webhook
def rotate(webhook_id: str) -> None:
    """Give a webhook a new secret, and show it this once. The one before signs, too, for 24 hours.

    \b
    Example: phoneagent webhooks rotate 1f81eb52
    """
    click.echo(_do("rotate", webhook_id, lambda store: store.webhooks.rotate(webhook_id)))
    click.echo("Keep it now: it is not shown again. The one before is good for 24 hours more.", err=True)


@webhooks.command()
@a_webhook
def test(webhook_id: str) -> None:
    """Send a message of the type `webhook.test` now, and say what was answered.

    \b
    Example: phoneagent webhooks test 1f81eb52
    """

    async def work(store: Store) -> tuple[Answer, float] | None:
        from phoneagent.records.sending import Sender

        if (target := await store.webhooks.target(webhook_id)) is None:
            return None
        sender, began = Sender(), time.monotonic()
        answer = await sender.test(target)
        took_s = time.monotonic() - began
        await sender.close()
        return answer, took_s

    answer, took_s = _do("test", webhook_id, work)
    if answer.problem is not None:
        raise click.ClickException(answer.problem)
    click.echo(f"it answered {answer.status} after {took_s * 1000:.0f} ms")


@webhooks.command()
@click.option("--webhook", "webhook_id", metavar="WEBHOOK", help="Those to this one only.")
@click.option("--state", type=click.Choice(DELIVERY_STATES), help="Those in this state only.")
@click.option("--count", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many at most.")
def deliveries(webhook_id: str | None, state: DeliveryState | None, count: int) -> None:
    """Show what was sent, or is to be, the newest first.

    \b
    Example: phoneagent webhooks deliveries --state failed
    """

    async def work(store: Store) -> list[Delivery]:
        return await store.deliveries.newest(count, webhook_id=webhook_id, state=state)

    if not (found := run(with_store(work))):
        click.echo("No deliveries.")
        return
    table = Table("delivery", "created", "webhook", "event", "call", "state", "attempts", "next", "", box=None)
    for delivery in found:
        table.add_row(
            delivery.id,
            moment(delivery.created),
            delivery.webhook_id,
            delivery.event,
            (delivery.call_id or "")[:8],
            delivery.state,
            str(delivery.attempts),
            moment(delivery.due, ""),
            Text(delivery.problem or ""),
        )
    console().print(table)


@webhooks.command()
@click.argument("delivery_id", metavar="DELIVERY", required=False)
@click.option("--failed-since", type=DAY_OR_MINUTE, help="All that have failed since then.")
@click.option("--webhook", "webhook_id", metavar="WEBHOOK", help="Of these, those to this one only.")
def redeliver(delivery_id: str | None, failed_since: datetime | None, webhook_id: str | None) -> None:
    """Send a message once more, or all that have failed since a day. The service does it, with all attempts anew.

    \b
    Example: phoneagent webhooks redeliver --failed-since 2026-11-21
    """
    if (delivery_id is None) == (failed_since is None):
        raise click.UsageError("name a DELIVERY, or --failed-since")

    async def work(store: Store) -> int:
        if failed_since is not None:
            since = failed_since.astimezone()
            if count := await store.deliveries.redeliver_failed(since, webhook_id):
                of = {"failed_since": since.isoformat(), "webhook": webhook_id}
                await note_deed(store, "delivery.redeliver", of=of, count=count)
            return count
        if again := await store.deliveries.redeliver(delivery_id or ""):
            await note_deed(store, "delivery.redeliver", id=delivery_id)
        return int(again)

    if (count := run(with_store(work))) == 0:
        what = "no delivery has failed since then" if delivery_id is None else f"there is no delivery {delivery_id!r}"
        raise click.ClickException(
            f"{what}, or its webhook is disabled: phoneagent webhooks deliveries, phoneagent webhooks list"
        )
    click.echo(f"{count} to be sent once more")


def _do(deed: str, webhook_id: str, work: Callable[[Store], Awaitable[T | None]]) -> T:
    """What came of it. Raises ClickException for None or False: there is no such webhook."""

    async def noted(store: Store) -> T | None:
        if result := await work(store):
            await note_deed(store, f"webhook.{deed}", id=webhook_id)
        return result

    if not (result := run(with_store(noted))):
        raise click.ClickException(f"there is no webhook {webhook_id!r}: phoneagent webhooks list")
    return result
