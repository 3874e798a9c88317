"""The bridges that are measured, each as a process of its own, and the meter on that process."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

AUTH_TOKEN = "12345"
NUMBER = "+15550100"
KINDS = {
    "ours": ["phoneagent", "serve"],
    "recorded": ["phoneagent", "serve"],
    "watched": ["phoneagent", "serve"],
    "unkept": ["bench.unkept", "serve"],
    "plain": ["bench.plain", "{port}", "{model_url}"],
    "plain-uvloop": ["bench.plain", "{port}", "{model_url}", "uvloop"],
    "bare": ["bench.bare", "{port}", "{model_url}"],
}
"""What is measured, and what `python -m` starts it with: the service as it is, with its calls recorded, watched, and
without any records; then what one could have instead."""
YARDSTICKS = ("ours", "plain", "plain-uvloop", "bare")
RECORDS = ("ours", "recorded", "unkept")
WATCHED = ("ours", "watched")

AGENT = f"""---
numbers: ["{NUMBER}"]
greeting: Blue Door Dental, this is Ada. How can I help?
---
You are Ada, the receptionist of Blue Door Dental.
"""
_READY_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Server:
    """A bridge that listens at `url`."""

    kind: str
    url: str
    process: psutil.Process

    def cpu_s(self) -> float:
        """Processor time of all its threads until now, in seconds. Linux counts it in nanoseconds."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        if tasks.exists():
            return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9
        times = self.process.cpu_times()
        return times.user + times.system

    def rss_kb(self) -> float:
        """Its memory in use."""
        return self.process.memory_info().rss / 1024


@asynccontextmanager
async def started(
    kind: str, model_url: str, folder: Path, cpu: int | None, settings: Mapping[str, str], agent: str = AGENT
) -> AsyncIterator[Server]:
    """One of `KINDS` on the core `cpu`, with `settings` in its environment, until the block ends."""
    port = _free_port()
    command = [part.format(port=port, model_url=model_url) for part in KINDS[kind]]
    (folder / "agents").mkdir(exist_ok=True)
    recording = "recording: on\n" if kind == "recorded" else ""
    (folder / "agents" / "ada.md").write_text(agent.replace("---\n", f"---\n{recording}", 1))
    ours = {
        "PHONEAGENT_ENGINE": "openai",
        "PHONEAGENT_PORT": str(port),
        "PHONEAGENT_AGENTS": str(folder / "agents"),
        "PHONEAGENT_DATA": str(folder / "data"),
        "PHONEAGENT_MAX_CALLS": "10000",
        "OPENAI_BASE_URL": model_url,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
    }
    with (folder / f"{kind}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *command, env={**os.environ, **ours, **settings}, stdout=log, stderr=log
        )
    try:
        if cpu is not None:
            os.sched_setaffinity(process.pid, {cpu})
        await _listening(port, process, folder / f"{kind}.log")
        yield Server(kind, f"http://127.0.0.1:{port}", psutil.Process(process.pid))
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)  # its calls are over, and nothing is to be saved
        await process.wait()


async def _listening(port: int, process: asyncio.subprocess.Process, log: Path) -> None:
    give_up_at = time.monotonic() + _READY_WITHIN_S
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if process.returncode is not None or time.monotonic() > give_up_at:
                raise SystemExit(f"a server did not start; its log is {log}") from None
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
