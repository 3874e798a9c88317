"""Messages of callers."""

from __future__ import annotations

from tests.store.story import ADA, NOON, began, message, seconds


async def test_the_newest_message_comes_first(store):
    await store.entries.apply(
        "i1",
        [
            began("c1"),
            message("c1", "m1", "Bitte rufen Sie an – es eilt! 🙏", callback_number="555 0199"),
            began("c2"),
            message("c2", "m2", "Never mind.", NOON + seconds(1)),
        ],
    )
    assert [
        (m.call_id, m.agent, m.caller, m.text, m.callback_number, m.created) for m in await store.messages.newest()
    ] == [
        ("c2", "clinic", ADA, "Never mind.", None, NOON + seconds(1)),
        ("c1", "clinic", ADA, "Bitte rufen Sie an – es eilt! 🙏", "555 0199", NOON),
    ]
    assert len(await store.messages.newest(1)) == 1
