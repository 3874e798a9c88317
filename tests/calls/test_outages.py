"""The database goes away, or the disk is full, while calls are going on. `OUTAGE_S=60` for that long."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from phoneagent.simulate.fake_call import FakeCall
from phoneagent.simulate.fake_phone import FakePhone
from phoneagent.simulate.script import Silence
from phoneagent.simulate.scripted_model import ScriptedModel
from phoneagent.store import open_store
from phoneagent.store.calls import CallDetail
from phoneagent.tls import trusted
from tests.calls.chatter import Chatter, all_over, kept, lines_of
from tests.calls.program import Program, program
from tests.calls.service import AUTH_TOKEN, NUMBER, write_agent
from tests.store import postgres

OUTAGE_S = float(os.environ.get("OUTAGE_S", "3"))
CALLS = 50
WITHIN_S = 60.0
LIMIT_BYTES = 64 * 1024  # two seconds of a recording


@dataclass
class Talks:
    """Calls that are going on in a service."""

    service: Program
    model: ScriptedModel
    chatter: Chatter
    calls: list[FakeCall]

    async def remarks(self) -> list[str]:
        """What the service says is wrong, though it is ready."""
        async with httpx.AsyncClient(trust_env=False, verify=trusted()) as http:
            answer = (await http.get(f"{self.service.url}/readyz")).raise_for_status()
        return answer.json()["remarks"]  # type: ignore[no-any-return]

    async def until(self, *, away: bool) -> None:
        """Wait until the database is away, or there."""
        async with asyncio.timeout(WITHIN_S):
            while any("away" in remark for remark in await self.remarks()) is not away:  # noqa: ASYNC110 -- in another process
                await asyncio.sleep(0.1)

    async def more(self, seconds: float) -> None:
        """Go on talking; all of them do."""
        said = [len(session.events) for session in self.model.sessions]
        enough = len(self.chatter.told) + CALLS * seconds / 2
        await asyncio.sleep(seconds)
        async with asyncio.timeout(WITHIN_S):
            while len(self.chatter.told) < enough:  # noqa: ASYNC110 -- where the machine is busy
                await asyncio.sleep(0.1)
        assert len(said) == self.model.open_sessions == CALLS

    async def all_is_kept(self, address: str) -> list[CallDetail]:
        """Hang up: none has ended before, and every line of the calls, which are returned, is in the database."""
        store = await open_store(address)
        self.chatter.quiet.set()
        async with asyncio.timeout(WITHIN_S):
            while {words for _, words in self.chatter.told} != lines_of(await kept(store)):  # noqa: ASYNC110
                await asyncio.sleep(0.5)  # it takes as long to look at all of them
        assert [call.record.ended_at for call in self.calls] == [None] * CALLS
        for call in self.calls:
            call.hang_up()
        calls = await all_over(store, WITHIN_S)
        await store.close()
        assert [call.row.outcome for call in calls] == ["caller_hung_up"] * CALLS
        assert {words for _, words in self.chatter.told} == lines_of(calls)
        return calls


@asynccontextmanager
async def talking(folder: Path, **environ: str) -> AsyncIterator[Talks]:
    write_agent(folder, "greeting: none\nidle: none\nrecording: on")
    chatter = Chatter(every_s=1.0)
    async with (
        ScriptedModel(chatter.script) as model,
        program(folder, model, **environ) as service,
        FakePhone(service.url, rng=random.Random(1), auth_token=AUTH_TOKEN) as phone,
    ):
        calls = []
        for number in range(CALLS):
            calls.append(phone.dial(NUMBER, [Silence(600)], record=False))
            await (await model.session(number, WITHIN_S)).received("session.update", WITHIN_S)
        yield Talks(service, model, chatter, calls)


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    try:
        with postgres.a_server() as server:
            yield server
    except FileNotFoundError as error:
        pytest.skip(str(error))


@pytest.mark.timeout(240)
async def test_postgresql_is_stopped_under_fifty_calls_and_nothing_is_lost(tmp_path: Path, server: postgres.Server):
    address = server.address.format("postgres")
    async with talking(tmp_path, PHONEAGENT_DATABASE_URL=address) as talks:
        await asyncio.to_thread(server.stop)
        await talks.until(away=True)
        await talks.more(OUTAGE_S)
        await asyncio.to_thread(server.start)
        await talks.until(away=False)
        await talks.all_is_kept(address)


@pytest.mark.timeout(240)
async def test_files_may_not_grow_under_fifty_calls_and_only_recordings_are_given_up(tmp_path: Path):
    """As when the disk is full: the database has no room, nor has a recording; what was said is kept nevertheless."""
    address = f"sqlite:///{tmp_path}/data/phoneagent.db"
    async with talking(tmp_path) as talks:
        pid = talks.service.process.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (LIMIT_BYTES, hard))
        await talks.until(away=True)
        await talks.more(OUTAGE_S)
        for _ in range(CALLS):
            await talks.service.said("recording given up")
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        await talks.until(away=False)
        calls = await talks.all_is_kept(address)
        assert all(recording.kept.problem for call in calls for recording in call.recordings)
        for path in recordings(tmp_path):
            with wave.open(str(path)) as recording:
                assert path.stat().st_size >= 44 + 4 * recording.getnframes() > 44


def recordings(folder: Path) -> list[Path]:
    return list(folder.rglob("*.wav"))
