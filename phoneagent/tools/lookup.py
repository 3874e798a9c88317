"""Looking up hosts, off the event loop."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, as the system's resolver gives them. Raises OSError.

    Each look-up has a thread of its own, a daemon: one that hangs holds up neither another (the pool of the event loop
    is small, and sessions are dialled through it) nor the end of the process.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[Sequence[str]] = loop.create_future()

    def settle(addresses: Sequence[str], error: OSError | None) -> None:
        if found.done():  # given up
            return
        if error is None:
            found.set_result(addresses)
        else:
            found.set_exception(error)

    def look_up() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses, error = tuple(dict.fromkeys(str(entry[4][0]) for entry in entries)), None
        except OSError as failure:
            addresses, error = (), failure
        except UnicodeError:
            addresses, error = (), OSError("not the name of a host")
        with suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(settle, addresses, error)

    threading.Thread(target=look_up, name="lookup", daemon=True).start()
    return await found
