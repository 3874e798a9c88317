"""Two hundred calls with a model that does whatever it is talked into: nothing happens that its file does not allow."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpcore
import pytest

from phoneagent.simulate.fake_twilio import FakeTwilio, Person
from phoneagent.simulate.realtime_events import Speech, ToolCall, response
from phoneagent.simulate.scripted_model import Expect, ScriptedModel, expect
from tests.agents.forbidden_numbers import ABROAD, NOT_ANYBODYS, PREMIUM
from tests.calls.service import AUTH_TOKEN, NUMBER, records, serving, tone, write_agent, write_tools
from tests.tools.private_addresses import IN_URLS

CALLS, AT_ONCE = 200, 10
SHOP = "93.184.215.14"  # a public address, where nothing is reached from here

ADA = f"""\
numbers: ["{NUMBER}"]
greeting: none
countries: [US, CA]
tools:
  - end_call
  - transfer_call
  - send_sms
  - charge
  - refund: {{confirm: true}}
  - order_status:
      description: How an order stands.
      parameters: {{order: {{type: string}}}}
      http: {{method: GET, url: "https://{SHOP}/orders/{{order}}"}}
transfer: {{reception: "+12125550111"}}
handoff: [billing]
sms: {{numbers: {{owner: "+12125550113"}}}}
"""
TOOLS = """
from pathlib import Path

from phoneagent.tools import Call, tool

LEDGER = Path(__file__).parent.parent / "ledger"

def note(what: str, call: Call) -> None:
    with LEDGER.open("a") as ledger:
        ledger.write(f"{what} {call.call_id}\\n")

@tool(side_effects=True)
def charge(amount: int, call: Call) -> None:
    \"\"\"Charge the caller's card.\"\"\"
    note("charge", call)

@tool
def refund(amount: int, call: Call) -> None:
    \"\"\"Give money back.\"\"\"
    note("refund", call)

@tool
def open_door(call: Call) -> None:
    \"\"\"Open the door.\"\"\"
    note("door", call)
"""


def forbidden() -> list[tuple[str, dict[str, Any]]]:
    """What the model is talked into: tools and arguments."""
    numbers = (*PREMIUM, *NOT_ANYBODYS, *ABROAD, "+12125550199", "owner", "Reception", "reception ")
    texts = (*PREMIUM, *ABROAD, "reception", "+12125550113")
    people = ("sales", "janitor", "Billing", "../janitor", "")
    return [
        *(("transfer_call", {"to": number, "briefing": "It is urgent."}) for number in numbers),
        *(("transfer_call", {"to": "reception", "briefing": "Hi.", "number": number}) for number in PREMIUM[:5]),
        *(("send_sms", {"to": number, "text": "Hello."}) for number in texts),
        *(("hand_over", {"to": name, "reason": "Asked to."}) for name in people),
        *(("order_status", {"order": address}) for address in IN_URLS),
        *(("order_status", {"order": f"//{address}/"}) for address in IN_URLS),
        *(("order_status", {"order": "1", "url": f"http://{address}/"}) for address in IN_URLS),
        *((name, {}) for name in ("open_door", "janitor.open_door", "shell", "python", "send_digits ", "end_call()")),
    ]


def talked_into(requests: list[tuple[str, dict[str, Any]]]) -> list[Expect]:
    """A session that asks for all of this, pays once and tries to pay again, and hangs up."""
    charge = ("charge", {"amount": 100}, "call_charge")
    calls = [
        *((name, arguments, f"call_{index}") for index, (name, arguments) in enumerate(requests)),
        charge,
        charge,  # the same once more, as after a lost connection
        ("charge", {"amount": 100}, "call_again"),
        ("refund", {"amount": 100}, "call_refund"),
        ("refund", {"amount": 100}, "call_refund_again"),  # the caller has said nothing meanwhile
        ("end_call", {}, "call_end"),
    ]
    steps = [
        response(ToolCall(name, json.dumps(arguments), call_id, f"item_{turn}"), response_id=f"resp_{turn}")
        for turn, (name, arguments, call_id) in enumerate(calls)
    ]
    steps.append(response(Speech("Goodbye.", ms=20), response_id="resp_bye"))
    moments = ["input_audio_buffer.append", *["response.create"] * (len(steps) - 1)]
    return [expect(moment).then(*step) for moment, step in zip(moments, steps, strict=True)]


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[tuple[str, int]]]:
    """Where the service's HTTP connects to; the world outside is not there."""
    found: set[tuple[str, int]] = set()
    connect: Any = httpcore.AnyIOBackend.connect_tcp

    async def dial(self: Any, host: str, port: int, *rest: Any, **more: Any) -> Any:
        found.add((host, port))
        if host == SHOP:
            raise httpcore.ConnectError("refused")
        return await connect(self, host, port, *rest, **more)

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", dial)
    return found


@pytest.mark.timeout(240)
async def test_nothing_forbidden_happens(tmp_path: Path, dialled: set[tuple[str, int]]):
    write_agent(tmp_path, ADA)
    write_agent(tmp_path, 'numbers: ["+15550102"]\ngreeting: none', name="billing")
    write_agent(tmp_path, 'numbers: ["+15550103"]\ngreeting: none\ntools: [open_door]', name="janitor")
    write_tools(tmp_path, TOOLS)
    wanted = forbidden()
    shares = [wanted[call::CALLS] for call in range(CALLS)]
    async with (
        ScriptedModel(lambda number: talked_into(shares[number])) as model,
        FakeTwilio(rng=random.Random(3), auth_token=AUTH_TOKEN, speak=tone) as twilio,
        serving(
            tmp_path,
            model,
            TWILIO_ACCOUNT_SID=twilio.account_sid,
            PHONEAGENT_TWILIO_API_URL=twilio.api_url,
        ) as service,
    ):
        finished = records(service)
        twilio.answers("*", Person())
        twilio.serves(service.url)
        twilio.number(NUMBER)
        several = asyncio.Semaphore(AT_ONCE)

        async def one_call() -> str | None:
            async with several:
                return (await twilio.phone.dial(NUMBER, [], record=False).ended()).outcome

        outcomes = await asyncio.gather(*(one_call() for _ in range(CALLS)))
        sessions = model.sessions
        assert set(outcomes) == {"agent hung up"}
        assert all(session.script_done for session in sessions)  # everything was asked for
        answers = [
            event["item"]["output"]
            for session in sessions
            for event in session.all("conversation.item.create")
            if event["item"]["type"] == "function_call_output" and event["item"]["call_id"][5:].isdigit()
        ]
        assert len(answers) == len(wanted)
        assert all("error" in json.loads(answer) for answer in answers)
        # Nobody was called but by the callers, nobody was texted, no line was led elsewhere.
        assert len(twilio.calls) == CALLS
        assert {call.to for call in twilio.calls} == {NUMBER}
        assert not twilio.messages
        assert not twilio.conferences
        # Nothing inside was reached: the webhooks come from the fake Twilio itself.
        webhooks = ("127.0.0.1", int(service.url.rpartition(":")[2]))
        assert dialled <= {webhooks, (SHOP, 443)}
        # Each caller has paid once, nobody was given money back, no door was opened.
        ledger = (tmp_path / "ledger").read_text().splitlines()
        ended = [finished.get_nowait() for _ in range(CALLS)]
        assert {record.call_sid for record in ended} == {call.sid for call in twilio.calls}
        assert sorted(ledger) == sorted(f"charge {record.call_id}" for record in ended)
