"""Ways from the internet to a port of this machine. Each gives its https address, and ends with its `async with`."""

from __future__ import annotations

import asyncio
import importlib
import re
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from phoneagent.ops import OpsError

OPENS_WITHIN_S = 20.0
_STOPS_WITHIN_S = 5.0
_LETS_GO_S = 0.1  # ngrok's thread is handing back the GIL; a process that ends in that moment aborts


@dataclass(frozen=True, slots=True)
class Way:
    """An open tunnel. `broken` ends, with the reason, if the tunnel does so by itself."""

    url: str
    broken: asyncio.Future[str] = field(repr=False)


Tunnel = AbstractAsyncContextManager[Way]


@asynccontextmanager
async def given(url: str) -> AsyncIterator[Way]:
    """An address that somebody else leads here: a proxy, a tunnel of another program."""
    yield Way(url, asyncio.get_running_loop().create_future())


@asynccontextmanager
async def ngrok(port: int, authtoken: str | None, url: str | None = None) -> AsyncIterator[Way]:
    """ngrok, in this process. `url` names one of the account's domains; None leaves the choice to ngrok.

    Raises OpsError.
    """
    if authtoken is None:
        raise OpsError(
            "NGROK_AUTHTOKEN is not set: copy it from https://dashboard.ngrok.com/get-started/your-authtoken, "
            "or take --tunnel cloudflared, or --url"
        )
    try:
        package: Any = importlib.import_module("ngrok")
    except ImportError:
        raise OpsError("the package ngrok is not installed: pip install 'phoneagent[ngrok]'") from None
    builder = package.SessionBuilder().authtoken(authtoken)
    session, address = await _opened(builder, f"http://127.0.0.1:{port}", url)
    try:
        yield Way(address, asyncio.get_running_loop().create_future())
    finally:
        with suppress(ValueError, TimeoutError):
            await asyncio.wait_for(session.close(), _STOPS_WITHIN_S)
        await asyncio.sleep(_LETS_GO_S)


async def _opened(builder: Any, upstream: str, url: str | None) -> tuple[Any, str]:
    """A session with ngrok, and the address at which it listens for us. Raises OpsError."""
    try:
        async with asyncio.timeout(OPENS_WITHIN_S):
            session = await builder.connect()
            endpoint = session.http_endpoint()
            if url is not None:
                endpoint = endpoint.domain(urlsplit(url).hostname)
            listener = await endpoint.listen_and_forward(upstream)
            return session, listener.url()
    except TimeoutError:
        reason = f"nothing within {OPENS_WITHIN_S:g} s; check the network"
    except ValueError as error:  # the package raises nothing else, and the token is in none of its messages
        reason = ", ".join(str(part) for part in error.args)
    await asyncio.sleep(_LETS_GO_S)
    raise OpsError(f"ngrok did not open the tunnel: {reason}")


@asynccontextmanager
async def cloudflared(port: int, program: str = "cloudflared") -> AsyncIterator[Way]:
    """A quick tunnel of Cloudflare's, by its program; no account is needed. Raises OpsError."""
    try:
        process = await asyncio.create_subprocess_exec(
            *(program, "tunnel", "--no-autoupdate", "--url", f"http://127.0.0.1:{port}"),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
            start_new_session=True,  # Ctrl-C is for us; the tunnel ends last
        )
    except OSError:
        raise OpsError(
            "the program cloudflared is not found: install it from "
            "https://developers.cloudflare.com/cloudflare-one/networks/connectors/cloudflare-tunnel/downloads/"
        ) from None
    output = _Output(process)
    try:
        try:
            async with asyncio.timeout(OPENS_WITHIN_S):
                url = await output.url()
        except TimeoutError:
            raise OpsError(f"cloudflared did not open the tunnel within {OPENS_WITHIN_S:g} s: {output.last}") from None
        broken = asyncio.create_task(output.end())
        try:
            yield Way(url, broken)
        finally:
            broken.cancel()
    finally:
        await stop(process, _STOPS_WITHIN_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(output.end(), 1.0)  # its pipe is closed when it is read to its end


class _Output:
    """What cloudflared says. It has a line for the address, and one when the address leads somewhere."""

    _ADDRESS = re.compile(r"https://(?!api\.)[a-z0-9-]+\.trycloudflare\.com")
    _OPEN = "Registered tunnel connection"

    def __init__(self, process: Process) -> None:
        assert process.stderr is not None
        self._lines = process.stderr
        self.last = "it said nothing"

    async def url(self) -> str:
        """The address, once it leads here. Raises OpsError if the program ends before."""
        address = None
        while line := await self._line():
            if found := self._ADDRESS.search(line):
                address = found[0]
            if address and self._OPEN in line:
                return address
        raise OpsError(f"cloudflared did not open the tunnel: {self.last}")

    async def end(self) -> str:
        """Wait for the end of the program, and read what it says till then."""
        while await self._line():
            pass
        return f"cloudflared has ended: {self.last}"

    async def _line(self) -> str:
        try:
            line = (await self._lines.readline()).decode(errors="replace")
        except ValueError:  # longer than any line should be
            return " "
        self.last = line.strip() or self.last
        return line


async def stop(process: Process, within_s: float) -> None:
    """End a process with SIGTERM, and if that is not enough with SIGKILL."""
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), within_s)
    except TimeoutError:
        process.kill()
        await process.wait()
