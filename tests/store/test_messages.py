"""Messages of callers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from phoneagent.store.database import open_database
from phoneagent.store.messages import Messages

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


async def test_the_newest_message_comes_first(address):
    database = await open_database(address)
    moments = iter([NOON, NOON + timedelta(seconds=1)])
    messages = Messages(database, lambda: next(moments))
    await messages.add("CA1", "ada", "+15550199", "Bitte rufen Sie an – es eilt! 🙏", "555 0199")
    await messages.add("CA2", "ada", "anonymous", "Never mind.", None)
    assert [(m.call_id, m.text, m.created) for m in await messages.newest()] == [
        ("CA2", "Never mind.", NOON + timedelta(seconds=1)),
        ("CA1", "Bitte rufen Sie an – es eilt! 🙏", NOON),
    ]
    assert len(await messages.newest(1)) == 1
    await database.close()


async def test_what_must_not_be_kept_is_not(address):
    database = await open_database(address)
    messages = Messages(database)
    await messages.add("CA1", "ada", "+15550199", "My card is 4111 1111 1111 1111, call me.", None)
    [message] = await messages.newest()
    assert message.text == "My card is [card], call me."
    await database.close()
