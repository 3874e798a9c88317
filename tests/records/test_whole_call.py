"""A call through the whole service, from the phone to its summary."""

from __future__ import annotations

import asyncio
from pathlib import Path

from phoneagent.calls.live import TurnChanged
from phoneagent.simulate.realtime_events import Pause, Speech, caller_turn_ended, response, transcribed
from phoneagent.simulate.script import Say, Silence
from phoneagent.simulate.scripted_model import ScriptedModel, expect
from phoneagent.store import open_store
from tests.calls.service import NUMBER, phone_of, serving, write_agent
from tests.records.fake_chat import chatting, says

AGENT = """
greeting: Good evening, this is the Blue Door.
idle: none
language: de
after_call: {summary: true, prompt: One word., extract: {people: {type: integer}}}
"""


async def test_a_call_is_summarized_by_what_was_heard_on_it(tmp_path: Path):
    write_agent(tmp_path, AGENT)
    greeting = expect("response.create").then(*response(Speech("Good evening, this is the Blue Door.", ms=10_000)))
    async with (
        chatting(says({"summary": "Öffnungszeiten.", "extracted": {"people": None}})) as chat,
        ScriptedModel([greeting]) as model,
        serving(
            tmp_path, model, PHONEAGENT_AFTER_CALL_URL=chat.url, PHONEAGENT_AFTER_CALL_MODEL="gpt-5-mini"
        ) as service,
        phone_of(service) as phone,
    ):
        said = asyncio.Queue[str]()
        service.feed.watch(lambda news: said.put_nowait(news.turn.text) if isinstance(news, TurnChanged) else None)
        call = phone.dial(NUMBER, [Silence(1.5), Say("Hours?"), Silence(30)])
        session = await model.session()
        await call.until(lambda record: record.caller.utterances)
        session.interrupt()
        session.emit(Pause(0.1), *caller_turn_ended(), transcribed("When are you open?"))
        while await asyncio.wait_for(said.get(), 30) != "When are you open?":
            pass
        call.hang_up()
        await call.ended()
        store = await open_store(f"sqlite:///{tmp_path}/data/phoneagent.db")
        async with asyncio.timeout(60):
            while not any(row.summary for row in (await store.calls.page()).calls):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.1)
        [row] = (await store.calls.page()).calls
        detail = await store.calls.get(row.id)
        await store.close()
    assert detail is not None
    assert (detail.after, row.summary, detail.extracted) == ("done", "Öffnungszeiten.", {"people": None})
    [charge] = [charge for charge in detail.charges if charge.part == "after_call"]
    assert charge.usd is not None
    [asked] = chat.asked
    system, record = (message["content"] for message in asked["messages"])
    assert "in the language 'de'. How it is to be: One word." in system
    assert "When are you open?" in record
    assert "Blue Door" not in record  # the caller spoke over it
    assert '"cut_off": true' in record
