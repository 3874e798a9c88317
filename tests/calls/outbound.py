"""What the tests of outbound calls share: agents, a carrier that is scripted, a dialer between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from phoneagent.agents.directory import AgentDirectory
from phoneagent.calls.outbound import Dialer, Timing
from phoneagent.calls.outbound_request import DialRequest
from phoneagent.core.dials import Dial
from phoneagent.store import Store
from phoneagent.twilio.errors import TwilioError
from phoneagent.twilio.rest import CallState
from tests.store.new_database import store_at

T = TypeVar("T")

ADA, BOB = "+12125550123", "+12125550124"
OURS, OURS_TOO = "+15550100", "+15550101"
SOON = Timing(look_after_s=(0.02, 0.04, 0.06), check_every_s=3600)
WITHIN_S = 30.0  # so long only if something is wrong, or the machine very busy

LOST = TwilioError("no answer from Twilio: ReadTimeout", maybe_done=True)
REFUSED = TwilioError("Twilio refused (21215): not allowed; enable it", code=21215, status=400)


@dataclass
class Placed:
    """A call that the carrier was asked for."""

    call_sid: str
    to: str
    from_: str
    url: str
    asked: dict[str, Any]
    status: str = "queued"

    @property
    def nonce(self) -> str:
        return self.url.partition("?dial=")[2]


@dataclass
class Carrier:
    """Twilio's REST API, scripted: each dial takes the next of `answers`: None, an error before the effect, or (an
    error,) after it."""

    answers: list[Any] = field(default_factory=list)
    placed: list[Placed] = field(default_factory=list)
    asked: int = 0
    hung_up: list[str] = field(default_factory=list)
    listed: int = 0
    failing_lists: int = 0
    before_answer: Callable[[Placed], Any] | None = None
    gate: asyncio.Event | None = None  # holds back each dial's answer

    async def dial(self, to: str, from_: str, url: str, **asked: Any) -> str:
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, BaseException):
            raise answer
        call = Placed(f"CA{len(self.placed):032x}", to, from_, url, asked)
        self.placed.append(call)
        if self.before_answer is not None:
            self.before_answer(call)
        if self.gate is not None:
            await self.gate.wait()
        if answer is not None:
            raise answer[0]
        return call.call_sid

    async def calls(self, *, to: str, from_: str, since: datetime) -> list[CallState]:
        self.listed += 1
        if self.failing_lists:
            self.failing_lists -= 1
            raise LOST
        return [self._state(c) for c in reversed(self.placed) if (c.to, c.from_) == (to, from_)]

    async def call(self, call_sid: str) -> CallState:
        for call in self.placed:
            if call.call_sid == call_sid:
                return self._state(call)
        raise TwilioError("not found", code=20404, status=404)

    async def hang_up(self, call_sid: str) -> None:
        self.hung_up.append(call_sid)

    async def has_hung_up(self, count: int = 1) -> list[str]:
        """The calls that it was asked to end, once they are so many."""

        async def are() -> bool:
            return len(self.hung_up) >= count

        await eventually(are)
        return self.hung_up

    def _state(self, call: Placed) -> CallState:
        return CallState(call.call_sid, call.status, call.to, call.from_)


class Switchboard:
    """Writes down what the dialer tells it."""

    def __init__(self) -> None:
        self.machines: list[tuple[str, str | None]] = []
        self.live: set[str] = set()
        self.room = True

    def has_room(self) -> bool:
        return self.room

    def is_live(self, call_sid: str) -> bool:
        return call_sid in self.live

    def machine_answered(self, call_sid: str, message: str | None) -> None:
        self.machines.append((call_sid, message))


def directory(folder: Path, front_matter: str = "") -> AgentDirectory:
    """The agent `sales`, with two numbers in the United States."""
    (folder / "agents").mkdir(exist_ok=True)
    text = f'---\nnumbers: ["{OURS}", "{OURS_TOO}"]\n{front_matter}\n---\nYou sell.\n'
    (folder / "agents" / "sales.md").write_text(text)
    return AgentDirectory(folder / "agents")


async def eventually(condition: Callable[[], Awaitable[T]]) -> T:
    """What `condition` says when it is true."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            if it := await condition():
                return it
            await asyncio.sleep(0.001)


@dataclass
class Office:
    """A dialer at work."""

    dialer: Dialer
    carrier: Carrier
    switchboard: Switchboard
    agents: AgentDirectory
    store: Store

    async def dial(self, to: str = ADA, **request: Any) -> Dial:
        dial, _ = await self.dialer.dial(DialRequest(to, "sales", **request))
        return dial

    async def placed(self, count: int = 1) -> Placed:
        """The last of so many calls that the carrier was asked for."""

        async def are() -> bool:
            return len(self.carrier.placed) >= count

        await eventually(are)
        return self.carrier.placed[-1]

    async def until(self, dial: Dial, *states: str) -> Dial:
        """The dial when it has come to one of these states."""

        async def come() -> Dial | None:
            now = await self.dialer.get(dial.id)
            return now if now is not None and now.state in states else None

        return await eventually(come)

    def callback(self, call: Placed, status: str, **params: str) -> None:
        """Twilio's status callback."""
        self.dialer.status(call.nonce, {"CallSid": call.call_sid, "CallStatus": status, **params})


@asynccontextmanager
async def office(
    folder: Path, carrier: Carrier | None = None, *, front_matter: str = "", store: Store | None = None, **options: Any
) -> AsyncIterator[Office]:
    """A dialer on the database of this folder."""
    carrier, own = carrier or Carrier(), store is None
    store = store or await store_at(folder / "phoneagent.db")
    agents, switchboard = directory(folder, front_matter), Switchboard()
    options = {"timing": SOON, "calls_per_second": 1000, **options}
    dialer = Dialer(carrier, store.dials, agents, "https://phone.example", **options)  # type: ignore[arg-type]
    await dialer.start(switchboard)
    yield Office(dialer, carrier, switchboard, agents, store)
    await dialer.close()
    if own:
        await store.close()
