"""A service that only dials, as a program: python -m tests.calls.dialling_service. It is killed by its test."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from aiohttp import web

from phoneagent.agents.directory import AgentDirectory
from phoneagent.calls.outbound import Dialer, Timing
from phoneagent.calls.outbound_request import DialRefusedError, DialRequest
from phoneagent.store import open_store
from phoneagent.store.dials import Asked
from phoneagent.twilio.rest import TwilioApi
from tests.calls.outbound import Switchboard

TIMING = Timing(look_after_s=(0.3, 1.0, 2.0), check_every_s=1.0)


async def dial_all(
    database: str, agents: str, api_url: str, account_sid: str, token: str, port: int, to: list[str]
) -> None:
    """Have all these numbers called; ends when each call is over."""
    store = await open_store(database)
    api = TwilioApi(account_sid, account_sid, token, base_url=api_url, timeout_s=0.4)
    url = f"http://127.0.0.1:{port}"
    dialer = Dialer(api, store.dials, AgentDirectory(Path(agents)), url, calls_per_second=500, timing=TIMING)

    async def webhook(request: web.Request) -> web.Response:
        nonce, params = request.query["dial"], {name: str(value) for name, value in (await request.post()).items()}
        if request.path == "/status":
            dialer.status(nonce, params)
            return web.Response(status=204)
        wanted = dialer.expected(nonce, params["CallSid"])
        verbs = "<Pause length='1'/><Hangup/>" if wanted else "<Reject/>"
        return web.Response(text=f"<Response>{verbs}</Response>", content_type="text/xml")

    app = web.Application()
    app.router.add_post("/{path:incoming|status}", webhook)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await dialer.start(Switchboard())
    for number in to:  # again after each start, as a client does that does not know what became of its request
        try:
            await dialer.dial(DialRequest(number, "sales"), Asked("test", number, number))
        except DialRefusedError as error:
            sys.exit(f"refused: {error}")
    while await store.dials.open():  # noqa: ASYNC110 -- the end is in the database
        await asyncio.sleep(0.1)
    await dialer.close()
    await store.close()
    await runner.cleanup()


if __name__ == "__main__":
    sys.setswitchinterval(0.0005)  # the threads of Twilio's client would keep the database's waiting
    asyncio.run(dial_all(**json.loads(sys.argv[1])))
