"""The fake Twilio: an account with a REST API on loopback, and everything that its telephones do."""

from __future__ import annotations

import asyncio
import base64
import binascii
import random
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal, Self

from aiohttp import web

from phoneagent.simulate.carrier import Carrier
from phoneagent.simulate.fake_call import FakeCall
from phoneagent.simulate.fake_phone import FakePhone
from phoneagent.simulate.fake_twilio.account import Account, Message, Number
from phoneagent.simulate.fake_twilio.asked import Answer, ApiError, Asked, Handler, Route, not_found
from phoneagent.simulate.fake_twilio.callbacks import Callbacks, Told
from phoneagent.simulate.fake_twilio.callees import Callee
from phoneagent.simulate.fake_twilio.conference import Conference
from phoneagent.simulate.fake_twilio.exchange import Exchange
from phoneagent.simulate.fake_twilio.faults import Fault, Faults
from phoneagent.simulate.fake_twilio.rest_account import AccountApi
from phoneagent.simulate.fake_twilio.rest_calls import CallsApi
from phoneagent.simulate.fake_twilio.rest_conferences import ConferencesApi
from phoneagent.simulate.party import Pace

_ACCOUNTS = re.compile(r"/2010-04-01/Accounts/(?P<account>AC[0-9a-f]{32})(?P<rest>/.*\.json|\.json)")
_KEEP_ALIVE_S = 24 * 3600.0  # a connection that is closed under a client would look like a fault


class FakeTwilio:
    """An account of Twilio's on this machine: its REST API, its numbers, and the calls between them and the service.

    An async context manager; what is still on the line when it ends is dropped. Give the service `api_url` as
    PHONEAGENT_TWILIO_API_URL and `account_sid` with the `auth_token` (or with the `api_key`, its SID and secret) as
    credentials, then say where it `serves`.

    All seconds of documents, requests and callees are the carrier's, which go by `speed` times as fast as those of
    the clock; a <Say> takes `word_s` of them per word, and `detection_s` go by until it is known whether a human or a
    machine has answered. The audio of media streams always takes the time it takes. `speak`: as for a FakePhone.
    """

    def __init__(
        self,
        *,
        rng: random.Random,
        auth_token: str,
        api_key: tuple[str, str] | None = None,
        account_type: Literal["Full", "Trial"] = "Full",
        speed: float = 1.0,
        word_s: float = 0.0,
        detection_s: float = 0.1,
        speak: Callable[[str], bytes] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        account_sid = f"AC{rng.getrandbits(128):032x}"
        self.api_url = ""
        self._account = Account(account_sid, auth_token, api_key, account_type, rng)
        self._callbacks = Callbacks(rng)
        self._faults = Faults(rng)
        pace = Pace(speed, word_s)
        self._exchange = Exchange(
            self._account, self._callbacks, clock=clock, wall=wall, pace=pace, detection_s=detection_s
        )
        self._rng, self._speak, self._clock = rng, speak, clock
        self._phone: FakePhone | None = None
        self._carrier: Carrier | None = None
        self._calls_api = CallsApi(self._account, self._exchange)
        self._handlers = _compiled(
            self._calls_api.routes(),
            AccountApi(self._account, self._exchange, self._incoming_url).routes(),
            ConferencesApi(self._account, self._exchange).routes(),
        )
        self._closing = asyncio.Event()
        self._runner: web.ServerRunner | None = None

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._serve, keepalive_timeout=_KEEP_ALIVE_S), shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.api_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        await self._exchange.close()
        await self._callbacks.close()
        if self._phone is not None and self._carrier is not None:
            await self._phone.close()
            await self._carrier.close()
        if self._runner is not None:
            await self._runner.cleanup()

    # Setting the scene

    @property
    def account_sid(self) -> str:
        """The account's SID, which is also the name that its auth token belongs to."""
        return self._account.sid

    def serves(self, url: str, public_url: str | None = None) -> None:
        """The service whose webhooks are called: where it listens, and the public URL that is signed for it."""
        self._carrier = Carrier(url, public_url or url, self._account.auth_token)
        self._phone = FakePhone(
            url,
            rng=self._rng,
            auth_token=self._account.auth_token,
            public_url=public_url,
            speak=self._speak,
            clock=self._clock,
            begin=self._exchange.inbound,
        )
        self._exchange.serve(self._carrier, self._phone)

    def number(
        self,
        number: str,
        *,
        voice_url: str | None = None,
        friendly_name: str = "",
        voice_fallback_url: str = "",
        status_callback: str = "",
        voice_application_sid: str = "",
        trunk_sid: str = "",
        voice: bool = True,
        sms: bool = True,
    ) -> Number:
        """Add a number to the account. `voice_url` None: the service's /incoming; empty: nothing answers.

        Only numbers of the account can call and send messages. One that isn't can be called all the same, and is
        answered by the service's /incoming.
        """
        added = Number(
            self._account.new_sid("PN"),
            number,
            friendly_name or number,
            voice_url=voice_url,
            voice_fallback_url=voice_fallback_url,
            status_callback=status_callback,
            voice_application_sid=voice_application_sid,
            trunk_sid=trunk_sid,
            voice=voice,
            sms=sms,
        )
        self._account.numbers[number] = added
        return added

    def answers(self, number: str, callee: Callee) -> None:
        """How a number behaves when it is dialled; "*" for all the others, which cannot be reached otherwise."""
        self._exchange.callees[number] = callee

    def refuses(self, number: str, code: int) -> None:
        """Calls and messages to this number are refused with an error code of Twilio's, such as 21215."""
        self._account.refused[number] = code

    def fail(self, method: str, path: str, *, with_: Fault, times: int | None = 1, share: float = 1.0) -> None:
        """Let the next `times` requests (None: all) whose path ends with `path` go wrong, or only a `share` of them."""
        self._faults.add(method, path, times, with_, share)

    def heal(self) -> None:
        """No request goes wrong any more."""
        self._faults.clear()

    def shuffle_callbacks(self, up_to_s: float) -> None:
        """Delay each status callback by up to so many seconds, so that they come out of order; 0: no more."""
        self._callbacks.shuffle_s = up_to_s

    def create_returns_after(self, seconds: float) -> None:
        """Let the request that creates a call take so long, while the call is on its way already."""
        self._calls_api.create_returns_after_s = seconds

    # What happens, and what has happened

    @property
    def phone(self) -> FakePhone:
        """A telephone that calls numbers of the account: `dial(number, script)`."""
        if self._phone is None:
            raise RuntimeError("the fake Twilio has no service to call: call serves(url) first")
        return self._phone

    @property
    def calls(self) -> list[FakeCall]:
        """Every call that there was, in the order in which they began."""
        return [leg.call for leg in self._exchange.legs.values()]

    def calls_to(self, number: str) -> list[FakeCall]:
        """The calls to a number."""
        return [call for call in self.calls if call.to == number]

    @property
    def conferences(self) -> list[Conference]:
        """Every conference that there was."""
        return self._exchange.conferences

    @property
    def messages(self) -> list[Message]:
        """Every message that was sent."""
        return self._account.messages

    @property
    def callbacks(self) -> list[Told]:
        """Every status callback that was sent."""
        return self._callbacks.told

    async def until(self, condition: Callable[[], object], timeout_s: float | None = 30.0) -> None:
        """Wait until something is true of what happens here: of calls, conferences, messages. Raises TimeoutError."""
        await self._exchange.until(condition, timeout_s)

    async def settled(self) -> None:
        """Wait until all status callbacks have been delivered."""
        await self._callbacks.settled()

    # The HTTP server

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        fault = self._faults.take(request.method, request.path)
        if fault is None or fault.takes_effect:
            answer = await self._answer(request)
        if fault is None:
            return answer
        match fault.kind:
            case "status":
                return _refusal(ApiError(fault.code, 20429 if fault.code == 429 else 20500, "It went wrong"))
            case "timeout":
                await self._closing.wait()
            case "reset" if request.transport is not None:
                request.transport.abort()
        return web.Response()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        try:
            status, body = await self._handle(request)
        except ApiError as error:
            return _refusal(error)
        finally:
            self._exchange.changed()
        return web.Response(status=status) if body is None else web.json_response(body, status=status)

    async def _handle(self, request: web.BaseRequest) -> Answer:
        account = _ACCOUNTS.fullmatch(request.path)
        if not self._account.knows(*_credentials(request)):
            raise ApiError(401, 20003, "Authenticate")
        if account is None or account["account"] != self._account.sid:
            raise not_found(request.path)
        form = await request.post() if request.method == "POST" else request.query
        for method, pattern, handler in self._handlers:
            if method == request.method and (named := pattern.fullmatch(account["rest"])):
                parameters = ((name, str(value)) for name, value in form.items())
                return await handler(Asked(request.path, named.groupdict(), parameters))
        raise not_found(request.path)

    def _incoming_url(self) -> str:
        return "" if self._carrier is None else self._carrier.public("/incoming")


def _compiled(*apis: Mapping[Route, Handler]) -> list[tuple[str, re.Pattern[str], Handler]]:
    return [
        (method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path.replace(".json", r"\.json"))), handler)
        for routes in apis
        for (method, path), handler in routes.items()
    ]


def _credentials(request: web.BaseRequest) -> tuple[str, str]:
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    try:
        username, _, password = base64.b64decode(text).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return (username, password) if kind == "Basic" else ("", "")


def _refusal(error: ApiError) -> web.Response:
    more_info = f"https://www.twilio.com/docs/errors/{error.code}"
    body = {"code": error.code, "message": str(error), "more_info": more_info, "status": error.status}
    return web.json_response(body, status=error.status)
