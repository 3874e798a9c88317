"""Tools that do what no tool should: it stays in their process, and ends with it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from phoneagent.core.agents import Agent
from phoneagent.tools import Call, Toolbox, Workers
from phoneagent.tools.runnable import FailedError
from tests.tools.processes import call_of, gone, run, soon, started

TOOLS = '''
import os, pickle, struct, subprocess, threading, time
from contextlib import suppress
from pathlib import Path
from phoneagent.tools import Call, tool

class Intruder:
    """Tells in which process it was unpickled."""
    def __reduce__(self):
        return eval, (f"open({__file__ + '.intruded'!r}, 'a').write(str(__import__('os').getpid()))",)

@tool
def fork(call: Call) -> str:
    """Come back twice."""
    if os.fork() == 0:
        return f"what was said in {call.call_id}"
    os.wait()
    return "said"

@tool
def tell_the_call(call: Call) -> str:
    """Tell which call it is."""
    return call.call_id

@tool
def write_to_the_service() -> None:
    """Write something else than an answer."""
    data = pickle.dumps(Intruder())
    for descriptor in range(3, 100):
        with suppress(OSError):
            os.write(descriptor, struct.pack(">I", len(data)) + data)

@tool
def note_an_intruder(call: Call) -> None:
    """Note what does something when it is unpickled."""
    call.notes["intruder"] = Intruder()

@tool
def start_daemons(file: str) -> None:
    """Start what leaves the process group, and what nobody is the parent of any more."""
    script = "sleep 61 & echo $! >> $0; sleep 61 & echo $! >> $0; echo $$ >> $0; [ $1 ] || sleep 61"
    subprocess.Popen(["sh", "-c", script, file, "end"], start_new_session=True).wait()
    subprocess.Popen(["sh", "-c", script, file], start_new_session=True)
    time.sleep(60)

@tool
def multiply() -> None:
    """Become many processes."""
    for _ in range(5):
        os.fork()
    Path(__file__ + f".{os.getpid()}.pid").touch()
    time.sleep(60)

@tool
def close_everything() -> str:
    """Close what is not its own."""
    os.closerange(0, 100)
    return "closed"

@tool
def leave_at_once() -> None:
    """Leave."""
    os._exit(0)

@tool
def return_an_object() -> object:
    """Return what JSON can't hold."""
    return threading.Lock()

@tool
def return_half_a_letter() -> str:
    """Return half a surrogate pair."""
    return "a\\ud83d"
'''

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the protection is Linux's")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hostile.py").write_text(TOOLS)
    return tmp_path


@pytest.fixture
async def workers(folder: Path) -> AsyncIterator[Workers]:
    async with started(folder) as workers:
        yield workers


async def test_a_fork_that_a_tool_lets_return_answers_nobody(workers: Workers):
    for n in range(3):
        call = Call(f"CA{n}", "", "", Agent("ada"), "key")
        assert await run(workers, "fork", call) == "said"
        assert await run(workers, "tell_the_call", call) == f"CA{n}"


async def test_nothing_of_a_tool_is_unpickled_in_the_service(workers: Workers, folder: Path):
    intruded = folder / "hostile.py.intruded"
    call = call_of()
    assert await run(workers, "note_an_intruder", call) == "done"
    with pytest.raises(FailedError, match="something else where an answer was due"):
        await run(workers, "write_to_the_service")
    assert not intruded.exists()
    await run(workers, "tell_the_call", call)  # which has the notes
    assert int(intruded.read_text()) in {worker._process_id for worker in workers._idle}


async def test_daemons_are_killed_with_the_tool_that_has_started_them(workers: Workers, tmp_path: Path):
    file = tmp_path / "processes"
    running = asyncio.create_task(run(workers, "start_daemons", file=str(file)))
    await soon(lambda: file.exists() and len(file.read_text().split()) == 6)
    running.cancel()
    await asyncio.wait({running})
    await soon(lambda: all(gone(int(process_id)) for process_id in file.read_text().split()))


async def test_daemons_end_with_the_service(folder: Path, tmp_path: Path):
    file = tmp_path / "processes"
    async with started(folder) as workers:
        running = asyncio.create_task(run(workers, "start_daemons", file=str(file)))
        await soon(lambda: file.exists() and len(file.read_text().split()) == 6)
    await asyncio.wait({running})
    assert all(gone(int(process_id)) for process_id in file.read_text().split())


async def test_a_tool_that_has_become_many_processes_is_killed_with_all_of_them(workers: Workers, folder: Path):
    running = asyncio.create_task(run(workers, "multiply"))
    await soon(lambda: len(list(folder.glob("*.pid"))) == 32)
    running.cancel()
    await asyncio.wait({running})
    await soon(lambda: all(gone(int(file.suffixes[-2][1:])) for file in folder.glob("*.pid")))


@pytest.mark.parametrize("name", ["close_everything", "leave_at_once"])
async def test_a_process_that_says_no_more_is_replaced(workers: Workers, name: str):
    with pytest.raises(FailedError, match="its process ended"):
        await run(workers, name)
    assert await run(workers, "tell_the_call") == "CA1"


async def test_what_can_not_be_told_is_a_failure_that_says_why(workers: Workers):
    agent = Agent("ada", tools=tuple(workers.tools))
    result = await Toolbox(workers.tools).run("return_an_object", "{}", Call("CA1", "", "", agent, "key"))
    told = json.loads(result.output)["message"]
    assert told == "The tool failed (its result, of type lock, can't be written as JSON)."
    assert await run(workers, "return_half_a_letter") == "a?"
