"""Blocking functions, off the event loop."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any


async def in_thread(function: Callable[[], Any]) -> Any:
    """The result of a blocking function, run in a thread of its own.

    The threads are daemons and share no pool: one that hangs for ever holds up neither the next tool nor the end
    of the process.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Any] = loop.create_future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            value, error = context.run(function), None
        except BaseException as raised:
            value, error = None, raised
        with suppress(RuntimeError):  # the loop has been closed meanwhile: nobody waits any more
            loop.call_soon_threadsafe(settle, value, error)

    def settle(value: Any, error: BaseException | None) -> None:
        if result.done():  # given up
            return
        if error is None:
            result.set_result(value)
        elif isinstance(error, Exception) and not isinstance(error, StopIteration):
            result.set_exception(error)
        else:  # such as sys.exit(): it must not end the service
            result.set_exception(RuntimeError(f"{type(error).__name__} in a thread"))

    threading.Thread(target=run, name="tool", daemon=True).start()
    return await result
