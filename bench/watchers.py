"""People who watch the calls: `python -m bench.watchers URL KEY COUNT` holds that many streams of events until it ends.

Every fifth watches all calls, the others a call each. They read, and do nothing else.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import uvloop

from bench.servers import Server
from phoneagent.store import open_store

_AGAIN_S = 0.5


@asynccontextmanager
async def watching(server: Server, folder: Path, count: int) -> AsyncIterator[None]:
    """Somebody watches a server, whose data are in `folder`, while the block lasts."""
    store = await open_store(f"sqlite:///{folder / 'data' / 'phoneagent.db'}")
    _, key = await store.keys.create("bench", {"read"})
    await store.close()
    command = [sys.executable, "-m", "bench.watchers", server.url, key, str(count)]
    process = await asyncio.create_subprocess_exec(*command, env=dict(os.environ), stdout=asyncio.subprocess.PIPE)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = await process.communicate()
        read = orjson.loads(output)
        if min(read) == 0:
            raise SystemExit(f"of {count} watchers {read.count(0)} have seen nothing")


async def _hold(url: str, key: str, count: int) -> None:
    """Watch until SIGTERM, and print how many events each has got."""
    calls: list[str] = []
    read = [0] * count
    watchers = [asyncio.create_task(_watch(url, key, number, calls, read)) for number in range(count)]
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    for watcher in watchers:
        watcher.cancel()
    sys.stdout.write(orjson.dumps(read).decode())


async def _watch(url: str, key: str, number: int, calls: list[str], read: list[int]) -> None:
    while True:
        if number % 5 == 0:
            path = "/api/live"
        elif number < len(calls):
            path = f"/api/calls/{calls[number]}/live"
        else:
            await asyncio.sleep(_AGAIN_S)
            continue
        with suppress(OSError):
            async for kind, data in _events(url, path, key):
                read[number] += 1
                if number == 0 and kind in (b"snapshot", b"call"):
                    said = orjson.loads(data)
                    shown = said["calls"] if kind == b"snapshot" else [said]
                    calls += [call["id"] for call in shown if call["id"] not in calls]
        await asyncio.sleep(_AGAIN_S)


async def _events(url: str, path: str, key: str) -> AsyncIterator[tuple[bytes, bytes]]:
    """Kind and data of the events of a stream."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=2**24)
    try:
        head = f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {key}\r\n\r\n"
        writer.write(head.encode())
        if b" 200 " not in await reader.readline():
            return
        kind = b""
        while line := await reader.readline():  # the lines between chunks are passed over
            if line.startswith(b"event: "):
                kind = line[7:].strip()
            elif line.startswith(b"data: "):
                yield kind, line[6:]
    finally:
        writer.close()


if __name__ == "__main__":
    uvloop.run(_hold(sys.argv[1], sys.argv[2], int(sys.argv[3])))
