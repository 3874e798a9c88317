"""What a call's control refuses, whatever a tool asks of it."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from phoneagent.agents.directory import AgentDirectory
from phoneagent.calls.control import MOST_TEXTS, MOST_TRANSFERS, Control, Switches
from phoneagent.calls.transfers import Escorts
from phoneagent.core.agents import Agent, Destination, Sms
from phoneagent.tools.control import ControlError
from phoneagent.twilio.addresses import Addresses
from phoneagent.twilio.documents import CallPerson
from phoneagent.twilio.webhook import Connect
from tests.agents.forbidden_numbers import ABROAD, NOT_ANYBODYS, PREMIUM
from tests.calls.service import CALLER, NUMBER, write_agent
from tests.calls.test_escort import Bridge

ADA = Agent("ada", numbers=(NUMBER,), handoff=("billing",), sms=Sms({"owner": "+15550113"}))


class Api:
    """Counts what is asked of Twilio."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    async def dial(self, to: str, from_: str, url: str, **options: Any) -> str:
        self.asked.append(("dial", to, from_))
        return "CA" + "a" * 32

    async def redirect(self, call_sid: str, twiml: str) -> None:
        self.asked.append(("redirect", call_sid))

    async def hang_up(self, call_sid: str) -> None:
        self.asked.append(("hang_up", call_sid))

    async def send_sms(self, to: str, from_: str, body: str) -> str:
        self.asked.append(("sms", to, from_))
        return "SM1"


def control(agent: Agent, folder: Path, caller: str = CALLER) -> tuple[Control, Api]:
    for name in ("billing", "sales"):
        write_agent(folder, "numbers: []", name=name)
    api, call = Api(), Bridge()
    call.agent = agent  # type: ignore[misc]
    escorts = Escorts(api, Addresses("https://voice.example"))  # type: ignore[arg-type]
    switches = Switches(AgentDirectory(folder / "agents"), escorts)
    return Control("c1", "CA1", caller, NUMBER, call, lambda: Connect("t", "", "en"), switches), api


def transfers_to(number: str, **how: Any) -> Agent:
    return replace(ADA, transfer={"somebody": Destination(number, **how)})


@pytest.mark.parametrize("number", PREMIUM + NOT_ANYBODYS + ABROAD)
async def test_a_number_that_got_into_an_agent_all_the_same_is_not_dialled_or_texted(tmp_path: Path, number: str):
    for how in ("cold", "warm"):
        one, api = control(transfers_to(number, how=how), tmp_path)
        with pytest.raises(ControlError):
            await one.transfer("somebody", "Hello.")
        assert api.asked == []
    one, api = control(replace(ADA, sms=Sms({"somebody": number})), tmp_path, caller=number)
    for to in ("somebody", "caller"):
        with pytest.raises(ControlError):
            await one.send_sms(to, "Hello.")
    assert api.asked == []


async def test_nor_is_another_country(tmp_path: Path):
    one, api = control(transfers_to("+442079460018"), tmp_path)
    with pytest.raises(ControlError):
        await one.transfer("somebody", "Hello.")
    abroad, _ = control(replace(transfers_to("+442079460018"), countries=("GB",)), tmp_path)
    asking = asyncio.ensure_future(abroad.transfer("somebody", "Hello."))
    await asyncio.sleep(0)
    assert not asking.done()
    asking.cancel()
    assert api.asked == []


async def test_nobody_is_reached_by_a_name_that_is_not_listed(tmp_path: Path):
    one, api = control(transfers_to("+15550111"), tmp_path)
    with pytest.raises(ControlError):
        await one.transfer("+15550111", "Hello.")
    with pytest.raises(ControlError):
        await one.send_sms("+15550113", "Hello.")
    with pytest.raises(ControlError):
        one.agent("sales")
    assert one.agent("billing").name == "billing"
    assert api.asked == []


async def test_only_keys_are_pressed(tmp_path: Path):
    one, api = control(ADA, tmp_path)
    for keys in ("", "1<", "W", "1 2", "1" * 65):
        with pytest.raises(ControlError):
            await one.send_digits(keys)
    assert api.asked == []


async def test_a_transfer_whose_tool_is_stopped_is_given_up(tmp_path: Path):
    one, api = control(transfers_to("+15550111", how="warm"), tmp_path)
    asking = asyncio.create_task(one.transfer("somebody", "Hello."))
    await asyncio.sleep(0.01)
    asking.cancel()
    await asyncio.wait({asking})
    await asyncio.sleep(0.01)
    assert api.asked == [("dial", "+15550111", NUMBER), ("hang_up", "CA" + "a" * 32)]
    assert one.escort is not None
    assert one.escort.over


@pytest.mark.parametrize(
    ("caller_id", "caller", "shown"),
    [("called", CALLER, NUMBER), ("caller", CALLER, CALLER), ("caller", "anonymous", NUMBER)],
)
async def test_the_person_sees_our_number_or_the_callers_if_there_is_one(
    tmp_path: Path, caller_id: Any, caller: str, shown: str
):
    one, _ = control(transfers_to("+15550111", caller_id=caller_id), tmp_path, caller)
    asking = asyncio.create_task(one.transfer("somebody", "Hello."))
    await asyncio.sleep(0.01)
    assert one.escort is not None
    document = one.escort.caller_asks("1")
    assert isinstance(document, CallPerson)
    assert document.caller_id == shown
    asking.cancel()


async def test_nobody_is_rung_without_end(tmp_path: Path):
    one, api = control(transfers_to("+15550111", how="warm"), tmp_path)
    for _ in range(MOST_TRANSFERS):
        asking = asyncio.ensure_future(one.transfer("somebody", "Hello."))
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    with pytest.raises(ControlError, match="too often"):
        await one.transfer("somebody", "Hello.")
    assert sum(asked[0] == "dial" for asked in api.asked) == MOST_TRANSFERS


async def test_nor_texted(tmp_path: Path):
    one, api = control(ADA, tmp_path)
    for text in range(MOST_TEXTS):
        await one.send_sms("owner", str(text))
    with pytest.raises(ControlError, match="No more text messages"):
        await one.send_sms("owner", "one more")
    assert len(api.asked) == MOST_TEXTS
