"""The way from the internet to the service; all of it goes out from this machine and comes back in, not from Twilio."""

from __future__ import annotations

import asyncio
import ssl
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from phoneagent.ops.examination import Patient, Result, failed, not_checked, ok, warning
from phoneagent.ops.reloading import answers
from phoneagent.ops.webhooks import STATUS
from phoneagent.twilio.signature import SIGNATURE_HEADER, sign, websocket_url

_EXPIRES_SOON_S = 14 * 86_400
_FAR_MS = 250.0
_CONNECT_S = 10.0

_PROBE = {"CallSid": "CA" + "0" * 32, "CallStatus": "ringing"}  # of a call that nobody has, to which nothing happens

_NGROK = {  # https://ngrok.com/docs/errors
    "ERR_NGROK_3200": "the tunnel is not running: start it, or run `phoneagent dev`",
    "ERR_NGROK_8012": "the tunnel runs, but nothing listens where it leads: check its port, and start the service",
}


async def service(patient: Patient) -> Result:
    """Whether the service runs here, which it need not for the other checks if it runs elsewhere."""
    host = patient.settings.host.replace("0.0.0.0", "127.0.0.1")  # noqa: S104  # no address to dial
    url = f"http://{f'[{host}]' if ':' in host else host}:{patient.settings.port}"
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        if await answers(http, url):
            return ok(f"answers at {url}")
    return warning(f"nothing answers at {url}", "start it with `phoneagent serve` or `phoneagent dev`")


async def public_url(patient: Patient) -> Result:
    """Whether the public URL leads to the service."""
    if (unknown := _no_public_url(patient)) is not None:
        return unknown
    url = patient.settings.public_url
    if await patient.reachable():
        return ok(f"{url} leads to the service, as seen from this machine: out and back in, not from Twilio")
    try:
        answer = await patient.http.get(f"{url}/healthz")
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        return failed(f"{url} can't be reached: {reason}", "check the tunnel or the proxy, and the name's DNS")
    to_do = _NGROK.get(answer.headers.get("ngrok-error-code", ""), "see that it leads to the port of the service")
    return failed(f"{url} leads elsewhere: /healthz answers {answer.status_code}", to_do)


async def certificate(patient: Patient) -> Result:
    """Whether the certificate is one that others trust too; Twilio takes no self-signed ones (error 31910)."""
    if (unknown := _no_public_url(patient)) is not None:
        return unknown
    parts = urlsplit(patient.settings.public_url or "")
    try:
        async with asyncio.timeout(_CONNECT_S):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=patient.ssl_context)
    except ssl.SSLCertVerificationError as error:
        return failed(f"not trusted: {error.verify_message}", "have one issued for this name, with its whole chain")
    except (OSError, TimeoutError) as error:
        return not_checked(f"no TLS connection: {error or type(error).__name__}")
    shown = writer.get_extra_info("peercert")
    writer.close()
    until = ssl.cert_time_to_seconds(shown["notAfter"])
    left_s = until - patient.clock()
    found = f"valid until {datetime.fromtimestamp(until, UTC):%Y-%m-%d}"
    if left_s < _EXPIRES_SOON_S:
        return warning(f"{found}, in {left_s / 86_400:.0f} days", "renew it, and see that this happens by itself")
    return ok(found)


async def signature(patient: Patient) -> Result:
    """Whether the service serves what Twilio signs, and nothing else: a status of a call that nobody has."""
    if (unknown := await _no_service(patient)) is not None:
        return unknown
    url, token = f"{patient.settings.public_url}{STATUS}", patient.settings.twilio_auth_token
    assert token is not None
    try:
        signed = await patient.http.post(url, data=_PROBE, headers={SIGNATURE_HEADER: sign(token, url, _PROBE)})
        unsigned = await patient.http.post(url, data=_PROBE)
    except httpx.HTTPError as error:
        return failed(f"no answer from {url}: {error or type(error).__name__}", "try again; see the service's log")
    return _judged("webhook", signed.is_success, signed.status_code, unsigned.status_code)


async def media_stream(patient: Patient) -> Result:
    """Whether an upgrade to a WebSocket comes through, and only with a signature."""
    if (unknown := await _no_service(patient)) is not None:
        return unknown
    url = websocket_url(patient.settings.public_url or "", "/media-stream")
    token = patient.settings.twilio_auth_token
    assert token is not None
    try:
        signed = await _upgrade(patient, url, {SIGNATURE_HEADER: sign(token, url, {})})
        unsigned = await _upgrade(patient, url, {})
    except (OSError, TimeoutError, WebSocketException) as error:
        reason = str(error) or type(error).__name__
        return failed(f"no WebSocket at {url}: {reason}", "let the proxy pass upgrades on, by HTTP/1.1")
    return _judged("upgrade", signed == 101, signed, unsigned)


async def round_trips(patient: Patient) -> Result:
    """How far it is to whom a call needs: the second request of a connection, so without its set-up."""
    given = patient.settings
    model = {"openai": given.openai_base_url, "azure": given.azure_openai_endpoint, "local": None}[given.engine]
    ways = {"Twilio's API": given.twilio_api_url, "the model": model, "the public URL": given.public_url}
    there = {name: url for name, url in ways.items() if url is not None}
    took = dict(
        zip(there, await asyncio.gather(*(_round_trip_ms(patient, url) for url in there.values())), strict=True)
    )
    found = ", ".join(f"{name} {'-' if ms is None else f'{ms:.0f} ms'}" for name, ms in took.items())
    if silent := [name for name, ms in took.items() if ms is None]:
        return warning(found, f"no answer from {' and '.join(silent)}: check the network")
    if (took.get("the model") or 0) > _FAR_MS:
        return warning(found, "every answer waits that long for the model: run the service nearer to it")
    return ok(found)


def _no_public_url(patient: Patient) -> Result | None:
    url = patient.settings.public_url
    if url is None:
        return not_checked("PHONEAGENT_PUBLIC_URL is not set")
    if not url.startswith("https://"):
        return not_checked(f"{url} is this machine only")
    return None


async def _no_service(patient: Patient) -> Result | None:
    if (unknown := _no_public_url(patient)) is not None:
        return unknown
    if patient.settings.twilio_auth_token is None:
        return not_checked("TWILIO_AUTH_TOKEN is not set, so nothing can be signed")
    return None if await patient.reachable() else not_checked("the public URL does not lead to the service")


def _judged(what: str, served: bool, signed: int, unsigned: int) -> Result:
    if not served:
        return failed(
            f"a signed {what} was answered with {signed}",
            "run the service with the TWILIO_AUTH_TOKEN and PHONEAGENT_PUBLIC_URL that are set here"
            if signed == 403
            else "let the proxy pass the whole request on; see the service's log",
        )
    if unsigned != 403:
        return failed(
            f"a {what} without signature was answered with {unsigned}, not 403",
            "run the service with TWILIO_AUTH_TOKEN: as it is, it takes anybody for Twilio",
        )
    return ok(f"a {what} signed as Twilio signs is served, one without signature refused")


async def _upgrade(patient: Patient, url: str, headers: dict[str, str]) -> int:
    try:
        async with connect(
            url,
            ssl=patient.ssl_context,
            additional_headers=headers,
            user_agent_header="phoneagent doctor",
            compression=None,
            open_timeout=_CONNECT_S,
            close_timeout=1,
        ):
            return 101
    except InvalidStatus as error:
        return error.response.status_code


async def _round_trip_ms(patient: Patient, url: str) -> float | None:
    try:
        await patient.http.head(url)
        began = time.perf_counter()
        await patient.http.head(url)
    except httpx.HTTPError:
        return None
    return (time.perf_counter() - began) * 1000
