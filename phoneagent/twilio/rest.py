"""Twilio's REST API, as far as calls need it: https://www.twilio.com/docs/voice/api.

Twilio's own client does the requests; it blocks, so each runs in a thread of this module's. What is safe to repeat is
repeated; what places a call or sends a message is repeated only if Twilio certainly did not do it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

import requests
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential
from twilio.base.exceptions import TwilioException, TwilioRestException  # type: ignore[import-untyped]
from twilio.http.http_client import TwilioHttpClient  # type: ignore[import-untyped]
from twilio.http.response import Response  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from phoneagent.twilio.errors import TwilioError, explained

API_URL = "https://api.twilio.com"
TIMEOUT_S = 10.0
_TRIES = 4
_NETWORK = "check the network, and PHONEAGENT_TWILIO_API_URL"

# TLS may also break when Twilio has the request already, so that a certificate is the only thing of it that tells
_UNSENT = ("NewConnectionError", "NameResolutionError", "CERTIFICATE_VERIFY_FAILED")

MachineDetection = Literal["Enable", "DetectMessageEnd"]


@dataclass(frozen=True, slots=True)
class CallState:
    """A call as the API knows it. `status`: queued, ringing, in-progress, or one of FINAL."""

    call_sid: str
    status: str
    to: str = field(repr=False)
    from_: str = field(repr=False)
    started: datetime | None = None


FINAL = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A number of the account, and what answers it. An application or a trunk wins over the URLs."""

    sid: str
    number: str
    name: str
    voice_url: str
    voice_method: str
    voice_fallback_url: str
    status_callback: str
    voice_application_sid: str
    trunk_sid: str
    voice: bool  # whether it can take calls
    sms: bool


@dataclass(frozen=True, slots=True)
class Account:
    """The account of the credentials. `type` is Trial or Full, `status` active, suspended or closed."""

    sid: str
    name: str
    type: str
    status: str


class TwilioApi:
    """The API of one account. Every method raises TwilioError; none blocks the event loop."""

    def __init__(
        self,
        account_sid: str,
        username: str,
        password: str,
        *,
        base_url: str = API_URL,
        timeout_s: float = TIMEOUT_S,
        at_once: int = 16,
    ) -> None:
        """`username` and `password`: an API key and its secret, or the account's SID and auth token.

        `timeout_s` of each request; `at_once` are under way at most, more wait.
        """
        http = _Http(base_url, timeout_s)
        self._client = Client(username, password, account_sid, http_client=http)
        self._account_sid = account_sid
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="twilio")

    def close(self) -> None:
        """Let go of the threads; requests that have not begun are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    # Calls

    async def dial(
        self,
        to: str,
        from_: str,
        url: str,
        *,
        status_callback: str,
        timeout_s: int = 30,
        time_limit_s: int = 4 * 3600,
        machine_detection: MachineDetection | None = None,
        machine_callback: str | None = None,
    ) -> str:
        """Place a call; `url` is asked for TwiML when it is answered. Returns its CallSid.

        `status_callback` is told of ringing, answer and end; `machine_callback` who has answered, while the call goes
        on already. A TwilioError with `maybe_done` may mean that the telephone is ringing all the same.
        """
        options: dict[str, Any] = {}
        if machine_detection is not None:
            options = {
                "machine_detection": machine_detection,
                "async_amd": "true",
                "async_amd_status_callback": machine_callback,
            }
        call = await self._once(
            lambda: self._client.calls.create(
                to=to,
                from_=from_,
                url=url,
                method="POST",
                status_callback=status_callback,
                status_callback_event=["initiated", "ringing", "answered", "completed"],
                timeout=timeout_s,
                time_limit=time_limit_s,
                **options,
            )
        )
        return str(call.sid)

    async def redirect(self, call_sid: str, twiml: str) -> None:
        """Have a call in progress go on with another document, in which URLs must be absolute."""
        await self._repeat(lambda: self._client.calls(call_sid).update(twiml=twiml))

    async def hang_up(self, call_sid: str) -> None:
        """End a call, also one that is still ringing. One that is over is left alone."""
        try:
            await self._repeat(lambda: self._client.calls(call_sid).update(status="completed"))
        except TwilioError as error:
            if not error.gone:
                raise

    async def call(self, call_sid: str) -> CallState:
        """How a call stands."""
        return _state(await self._repeat(lambda: self._client.calls(call_sid).fetch()))

    async def calls(self, *, to: str, from_: str, since: datetime) -> list[CallState]:
        """The calls between two numbers that were begun since then, newest first."""
        found = await self._repeat(
            lambda: self._client.calls.list(to=to, from_=from_, start_time_after=since, limit=50)
        )
        return [_state(call) for call in found]

    # Messages, numbers, the account

    async def send_sms(self, to: str, from_: str, body: str) -> str:
        """Send a text message. Returns its MessageSid. `maybe_done` as in `dial`."""
        message = await self._once(lambda: self._client.messages.create(to=to, from_=from_, body=body))
        return str(message.sid)

    async def numbers(self) -> list[PhoneNumber]:
        """The numbers of the account."""
        found = await self._repeat(lambda: self._client.incoming_phone_numbers.list(limit=1000))
        return [_number(number) for number in found]

    async def update_number(self, sid: str, **changes: str) -> PhoneNumber:
        """Change `voice_url`, `voice_method`, `voice_fallback_url`, `status_callback`, `voice_application_sid` or
        `trunk_sid` of a number; "" takes one away."""
        return _number(await self._repeat(lambda: self._client.incoming_phone_numbers(sid).update(**changes)))

    async def account(self) -> Account:
        """Whose credentials these are."""
        account = await self._repeat(lambda: self._client.api.accounts(self._account_sid).fetch())
        return Account(str(account.sid), str(account.friendly_name), str(account.type), str(account.status))

    # Requests

    async def _repeat(self, request: Callable[[], Any]) -> Any:
        """Do what may be done twice."""
        return await self._try(request, lambda error: error.maybe_done or error.status in (None, 429))

    async def _once(self, request: Callable[[], Any]) -> Any:
        """Do what must not be done twice: again only if it certainly was not done."""
        return await self._try(
            request, lambda error: error.status == 429 or (not error.maybe_done and not error.status)
        )

    async def _try(self, request: Callable[[], Any], again: Callable[[TwilioError], bool]) -> Any:
        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, TwilioError) and again(error)),
            stop=stop_after_attempt(_TRIES),
            wait=wait_random_exponential(multiplier=0.1, max=3.0),
            reraise=True,
        )
        return await retrying(self._in_thread, request)

    async def _in_thread(self, request: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _asked, request)


class _Http(TwilioHttpClient):  # type: ignore[misc]
    """Twilio's own HTTP client, which may find the API elsewhere. It retries nothing."""

    def __init__(self, base_url: str, timeout_s: float) -> None:
        super().__init__(timeout=timeout_s)
        self._base = urlsplit(base_url) if base_url != API_URL else None

    def request(self, method: str, url: str, *args: Any, **options: Any) -> Any:
        if self._base is not None:
            url = urlunsplit(urlsplit(url)._replace(scheme=self._base.scheme, netloc=self._base.netloc))
        return super().request(method, url, *args, **options)


def _asked(request: Callable[[], Any]) -> Any:
    try:
        return request()
    except TwilioRestException as error:
        raise _refused(error.status, error.code, str(error.msg)) from None
    except TwilioException as error:
        match error.args:  # what it says of a list; the answer of the API comes with it, unread
            case (_, Response(status_code=status, text=text)) if status != 200:
                raise _refused(status, *_said(text)) from None
        raise TwilioError(f"Twilio's answer is not understood: {error}", maybe_done=True) from None
    except (requests.exceptions.ConnectTimeout, requests.exceptions.ProxyError) as error:
        raise TwilioError(f"Twilio cannot be reached: {type(error).__name__}; {_NETWORK}") from None
    except requests.exceptions.RequestException as error:
        unsent = any(word in repr(error) for word in _UNSENT)
        said = f"no answer from Twilio: {type(error).__name__}; {_NETWORK}"
        raise TwilioError(said, maybe_done=not unsent) from None


def _refused(status: int, code: int | None, message: str) -> TwilioError:
    return TwilioError(explained(code or None, message), code=code or None, status=status, maybe_done=status >= 500)


def _said(text: str) -> tuple[int | None, str]:
    try:
        body = json.loads(text)
        return body.get("code"), str(body["message"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return None, "Twilio answers with an error that is not in its own form"


def _state(call: Any) -> CallState:
    return CallState(str(call.sid), str(call.status), str(call.to), str(call._from), call.start_time)


def _number(number: Any) -> PhoneNumber:
    capabilities = number.capabilities
    can = capabilities.get if isinstance(capabilities, dict) else lambda name: getattr(capabilities, name, False)
    return PhoneNumber(
        sid=str(number.sid),
        number=str(number.phone_number),
        name=str(number.friendly_name or ""),
        voice_url=str(number.voice_url or ""),
        voice_method=str(number.voice_method or "POST"),
        voice_fallback_url=str(number.voice_fallback_url or ""),
        status_callback=str(number.status_callback or ""),
        voice_application_sid=str(number.voice_application_sid or ""),
        trunk_sid=str(number.trunk_sid or ""),
        voice=bool(can("voice")),
        sms=bool(can("sms")),
    )


__all__ = ["API_URL", "FINAL", "Account", "CallState", "PhoneNumber", "TwilioApi", "TwilioError"]
