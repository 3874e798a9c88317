"""Tools in processes of their own: what they do there harms nobody else, and is over when it should be."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from phoneagent.core.agents import Agent
from phoneagent.tools import Call, Toolbox, ToolError, Workers, WorkersError, load_tools
from phoneagent.tools.runnable import BadArgumentsError, BusyError, FailedError
from tests.tools.processes import call_of, gone, run, soon, started

TOOLS = '''
from __future__ import annotations
import asyncio, itertools, os, re, subprocess, sys, threading, time
from dataclasses import dataclass
from pathlib import Path
from phoneagent.tools import Call, ToolError, tool

@dataclass
class Guest:
    name: str

runs = 0
imported_by = os.getpid()

@tool
def count() -> list[int]:
    """Count the runs in this process."""
    global runs
    runs += 1
    return [runs, os.getpid(), imported_by]

@tool
async def wait_a_moment() -> str:
    """Wait."""
    await asyncio.sleep(0.001)
    return "waited"

@tool
def run_a_loop() -> str:
    """Run an event loop of its own."""
    return asyncio.run(wait_a_moment.function())

@tool
def block(file: str) -> None:
    """Block."""
    Path(file).write_text(str(os.getpid()))
    time.sleep(60)

@tool
def spin_in_c(file: str) -> None:
    """Hold the GIL, without ever looking for signals."""
    Path(file).write_text(str(os.getpid()))
    sum(itertools.repeat(1))

@tool
def match(file: str) -> None:
    """Match a catastrophic regular expression."""
    Path(file).write_text(str(os.getpid()))
    re.match("(a+)+$", "a" * 64 + "b")

@tool
def start_a_program(file: str) -> None:
    """Start something that goes on."""
    program = subprocess.Popen(["sleep", "60"])
    Path(file).write_text(str(program.pid))
    program.wait()

@tool
def allocate(mb: int) -> int:
    """Take memory."""
    return len(bytearray(b"x" * (mb * 1024 * 1024)))

@tool
def allocate_in_a_thread() -> str:
    """Reserve addresses, as threads do."""
    threads = [threading.Thread(target=time.sleep, args=(0.01,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    return "fine"

@tool
def five_mb() -> str:
    """Return far too much."""
    return "ab\\\\n" * 1_250_000

@tool
def fail() -> None:
    """Fail."""
    raise KeyError("the caller's secret")

@tool
def leave() -> None:
    """Leave."""
    sys.exit(3)

@tool
async def leave_async() -> None:
    """Leave."""
    sys.exit(3)

@tool
def crash() -> None:
    """Crash."""
    os.kill(os.getpid(), 11)

@tool
def refuse(ran: bool) -> None:
    """Refuse."""
    raise ToolError("Fully booked.", ran=ran)

@tool
def note_at_first(call: Call) -> None:
    """Begin the notes."""
    call.notes.update(list=[1], old=True, own="kept")

@tool
def note(call: Call) -> None:
    """Change the notes."""
    call.notes["guest"] = Guest("Eve")
    call.notes["list"].append(2)
    del call.notes["old"]

@tool
def note_and_refuse(call: Call) -> None:
    """Change the notes, and fail."""
    call.notes["tried"] = True
    raise ToolError("No.")

@tool
def recall(call: Call) -> dict[str, object]:
    """Tell what is noted."""
    return {name: note.name if isinstance(note, Guest) else note for name, note in call.notes.items()}

@tool
def note_a_lock(call: Call) -> None:
    """Note what can't be kept."""
    call.notes["lock"] = threading.Lock()

@tool
def note_much(call: Call) -> None:
    """Note too much."""
    call.notes["much"] = b"x" * 100_000

@tool
def note_bit_by_bit(call: Call) -> None:
    """Note too much, in the end."""
    call.notes[f"bit {len(call.notes)}"] = b"x" * 30_000

@tool
def note_without_a_name(call: Call) -> None:
    """Note under what is no text."""
    call.notes[1] = "x"

@tool
def describe(call: Call) -> dict[str, object]:
    """Tell of the call and of this process."""
    files = [os.readlink(f"/proc/self/fd/{n}") for n in range(3, 100) if os.path.lexists(f"/proc/self/fd/{n}")]
    return {"key": call.idempotency_key, "agent": call.agent.name, "control": call.control, "nice": os.nice(0),
            "files": files, "stdin": sys.stdin.read()}

@tool
def speak() -> str:
    """Print, for the log."""
    print("printed by a tool", flush=True)
    return "spoken"
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workers") / "tools"
    folder.mkdir()
    (folder / "tested.py").write_text(TOOLS)
    return folder


@pytest.fixture
async def workers(folder: Path) -> AsyncIterator[Workers]:
    async with started(folder) as workers:
        yield workers


async def test_a_tool_runs_in_another_process_which_serves_the_next_too(workers: Workers):
    first, process_id, parent = await run(workers, "count")
    second = await run(workers, "count")
    assert second == [2, process_id, parent]
    assert first == 1
    assert len({process_id, parent, os.getpid()}) == 3


async def test_sync_and_async_tools_run_as_they_would_anywhere(workers: Workers):
    assert await run(workers, "wait_a_moment") == "waited"
    assert await run(workers, "run_a_loop") == "waited"
    assert await run(workers, "wait_a_moment") == "waited"


@pytest.mark.parametrize("name", ["block", "spin_in_c", "match", "start_a_program"])
async def test_a_tool_that_is_cancelled_is_killed_and_replaced(workers: Workers, tmp_path: Path, name: str):
    file = tmp_path / "process"
    running = asyncio.create_task(run(workers, name, file=str(file)))
    await soon(lambda: file.exists() and bool(file.read_text()))
    process_id = int(file.read_text())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await soon(lambda: gone(process_id))
    assert (await run(workers, "count"))[0] == 1


async def test_a_tool_whose_time_is_up_is_killed(workers: Workers, tmp_path: Path):
    _, process_id, _ = await run(workers, "count")  # which runs the next tool, too
    agent = Agent("ada", tools=("spin_in_c",), tool_options={"spin_in_c": {"timeout_s": 0.3}})
    call = Call("CA1", "", "", agent, "key")
    result = await Toolbox(workers.tools).run("spin_in_c", json.dumps({"file": str(tmp_path / "process")}), call)
    assert json.loads(result.output)["error"] == "timeout"
    await soon(lambda: gone(process_id))


async def test_the_loop_goes_on_while_tools_spin_are_killed_and_replaced(workers: Workers, tmp_path: Path):
    async def spin(n: int) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await run(workers, "spin_in_c", file=str(tmp_path / str(n)))
        await run(workers, "count")

    async def longest_standstill() -> float:
        """As a share of the time in which they spin, are killed and replaced."""
        spinning = asyncio.gather(*(spin(n) for n in range(3)))
        worst_s, began = 0.0, time.monotonic()
        last = began
        while not spinning.done():
            await asyncio.sleep(0.001)
            worst_s, last = max(worst_s, time.monotonic() - last), time.monotonic()
        await spinning
        return worst_s / (last - began)

    shares: list[float] = []
    while not shares or (shares[-1] >= 0.25 and len(shares) < 8):  # a busy machine stands still, too, but not each time
        shares.append(await longest_standstill())
    assert shares[-1] < 0.25, shares


async def test_a_tool_that_takes_too_much_memory_fails_and_its_process_is_not_used_again(folder: Path):
    async with started(folder, memory_mb=128) as workers:
        assert await run(workers, "allocate", mb=50) == 50 * 1024 * 1024
        assert await run(workers, "allocate_in_a_thread") == "fine"
        _, process_id, _ = await run(workers, "count")
        with pytest.raises(FailedError) as failed:
            await run(workers, "allocate", mb=2048)
        assert failed.value.kind == "MemoryError"
        assert failed.value.where.startswith(f"{folder}/tested.py:")
        assert (await run(workers, "count"))[:2] != [2, process_id]


async def test_a_result_of_five_mb_does_not_leave_its_process(workers: Workers):
    output = await workers.tools["five_mb"].run("{}", call_of())
    assert len(output.json) <= 16 * 1024
    assert "5000000 bytes" in json.loads(output.json)["cut"]


async def test_what_goes_wrong_comes_back_without_what_was_said(workers: Workers, folder: Path):
    for name, kind in (("fail", "KeyError"), ("leave", "SystemExit"), ("leave_async", "SystemExit")):
        with pytest.raises(FailedError) as failed:
            await run(workers, name)
        assert failed.value.kind == kind
        assert failed.value.where.startswith(f"{folder}/tested.py:")
        assert "secret" not in repr(failed.value)
    with pytest.raises(FailedError, match="its process ended"):
        await run(workers, "crash")
    for ran in (True, False):
        with pytest.raises(ToolError, match=r"Fully booked\.") as refused:
            await run(workers, "refuse", ran=ran)
        assert refused.value.ran == ran
    with pytest.raises(BadArgumentsError, match="ran: Input should be a valid boolean"):
        await run(workers, "refuse", ran="yes")
    assert await run(workers, "wait_a_moment") == "waited"


async def test_the_notes_of_a_call_are_shared_by_its_tools_wherever_they_run(workers: Workers):
    call = call_of()
    await run(workers, "note_at_first", call)
    await run(workers, "note", call)
    assert await run(workers, "recall", call) == {"guest": "Eve", "list": [1, 2], "own": "kept"}
    with pytest.raises(ToolError):
        await run(workers, "note_and_refuse", call)
    told = await run(workers, "recall", call)
    assert told == {"guest": "Eve", "list": [1, 2], "own": "kept", "tried": True}


async def test_notes_that_can_not_be_kept_are_a_failure_that_says_why(workers: Workers):
    call = call_of()
    with pytest.raises(FailedError, match="TypeError: notes must be values that can be pickled"):
        await run(workers, "note_a_lock", call)
    with pytest.raises(FailedError, match="notes of more than 65536 bytes"):
        await run(workers, "note_much", call)
    with pytest.raises(FailedError, match="the names of notes must be texts"):
        await run(workers, "note_without_a_name", call)
    assert call.notes == {}
    for _ in range(2):
        await run(workers, "note_bit_by_bit", call)
    with pytest.raises(FailedError, match="notes of more than 65536 bytes"):
        await run(workers, "note_bit_by_bit", call)
    assert await run(workers, "wait_a_moment", call) == "waited"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_a_tool_has_the_call_and_nothing_of_the_service(folder: Path):
    call = Call("CA1", "", "", Agent("ada"), "CA1/call_1", control=object())  # type: ignore[arg-type]
    with (folder / "tested.py").open() as file:
        os.set_inheritable(file.fileno(), True)
        async with started(folder) as workers:
            told = await run(workers, "describe", call)
    files = [name.partition(":")[0] for name in told.pop("files")]
    assert files == ["anon_inode", "socket", "socket", "socket"]  # the connection, and an event loop of its own
    assert told == {"key": "CA1/call_1", "agent": "ada", "control": None, "nice": min(os.nice(0) + 10, 19), "stdin": ""}


async def test_what_a_tool_prints_goes_to_the_log_and_disturbs_nobody(workers: Workers, capfd: Any):
    assert await run(workers, "speak") == "spoken"
    assert capfd.readouterr() == ("", "")  # stderr is inherited from before the capture began


async def test_a_tool_that_hangs_leaves_room_for_others_and_is_itself_busy(folder: Path, tmp_path: Path):
    async with started(folder, count=3) as workers:
        files = [tmp_path / str(n) for n in range(2)]
        hanging = [asyncio.create_task(run(workers, "block", file=str(file))) for file in files]
        await soon(lambda: all(file.exists() for file in files))
        with pytest.raises(BusyError):
            await run(workers, "block", file=str(tmp_path / "third"))
        assert await run(workers, "wait_a_moment") == "waited"
        hanging[0].cancel()
        await asyncio.wait(hanging[:1])
        assert (await asyncio.gather(*(run(workers, "wait_a_moment") for _ in range(6)))) == ["waited"] * 6
        hanging[1].cancel()
        await asyncio.wait(hanging)


async def test_no_more_wait_than_is_bearable(folder: Path, tmp_path: Path):
    async with started(folder, count=1, most_waiting=1) as workers:
        file = tmp_path / "process"
        hanging = asyncio.create_task(run(workers, "block", file=str(file)))
        await soon(file.exists)
        waiting = asyncio.create_task(run(workers, "wait_a_moment"))
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await run(workers, "wait_a_moment")
        hanging.cancel()
        assert await waiting == "waited"


async def test_everything_ends_with_the_service(folder: Path, tmp_path: Path):
    async with started(folder) as workers:
        _, idle, zygote = await run(workers, "count")
        file = tmp_path / "process"
        working = asyncio.create_task(run(workers, "spin_in_c", file=str(file)))
        await soon(lambda: file.exists() and bool(file.read_text()))
    with pytest.raises(FailedError):
        await working
    await soon(lambda: all(map(gone, (idle, zygote, int(file.read_text())))))


SERVICE = """
import asyncio, sys
from pathlib import Path
from phoneagent.core.agents import Agent
from phoneagent.tools import Call, Workers, load_tools

async def main(folder, file):
    workers = Workers(folder, load_tools(folder).tools)
    await workers.start()
    await workers.tools["spin_in_c"].run('{"file": "%s"}' % file, Call("CA1", "", "", Agent("ada"), "key"))

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


async def test_a_tool_does_not_outlive_a_service_that_is_killed(folder: Path, tmp_path: Path):
    file = tmp_path / "process"
    service = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVICE, str(folder), str(file))
    await soon(lambda: file.exists() and bool(file.read_text()))
    service.kill()
    await service.wait()
    await soon(lambda: gone(int(file.read_text())))


@pytest.mark.parametrize("known", [True, False])
async def test_when_the_process_behind_the_workers_is_killed_the_next_tool_starts_another(
    workers: Workers, monkeypatch: pytest.MonkeyPatch, known: bool
):
    _, _, zygote = await run(workers, "count")
    if not known:  # asyncio learns of it in its own time
        monkeypatch.setattr(asyncio.subprocess.Process, "returncode", None)
    os.kill(zygote, signal.SIGKILL)
    await soon(lambda: gone(zygote))
    answers = await asyncio.gather(*(run(workers, "count") for _ in range(3)))
    assert {answer[2] for answer in answers} - {zygote}
    assert all(answer[0] in (1, 2) for answer in answers)


async def test_an_idle_worker_that_was_killed_is_not_given_work(workers: Workers):
    for _ in range(3):
        _, process_id, _ = await run(workers, "count")
        os.kill(process_id, signal.SIGKILL)
        await soon(lambda: gone(process_id))  # noqa: B023
        await asyncio.sleep(0.01)  # one turn of the loop, which sees the end of the connection
        assert (await run(workers, "count"))[0] == 1


async def test_without_tools_nothing_is_started(tmp_path: Path):
    async with started(tmp_path) as workers:
        assert workers._zygote is None


async def test_processes_that_can_not_start_are_told_of_at_the_start(folder: Path, monkeypatch: pytest.MonkeyPatch):
    loaded = load_tools(folder)
    with monkeypatch.context() as broken:
        broken.setattr(sys, "path", [])  # there, phoneagent isn't found
        workers = Workers(folder, loaded.tools)
    with pytest.raises(WorkersError, match="did not start"):
        await workers.start()
    await workers.close()
