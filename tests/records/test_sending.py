"""One message to a webhook, verified as its receivers do, and what was answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from phoneagent.records.sending import Answer, Sender, url_problem
from phoneagent.store.webhooks import Target
from tests.tools.private_addresses import FROM_NAME_SERVERS, IN_URLS
from tests.tools.web import HOST, Network, Received, answer, in_parts, names, serving, trusting, turns_during, watched

OLD, NEW, OTHER = (f"whsec_{letter * 43}=" for letter in "ABC")
BODY = '{"type":"call.ended","data":{"reason":"goodbye, Zoë"}}'
PUBLIC = Target("w1", f"https://{HOST}/calls?token=1", False, (NEW,))


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    return watched(monkeypatch)


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    sender = Sender(ssl_context=trusting(), resolve=names())
    yield sender
    await sender.close()


async def sent(sender: Sender, network: Network, answered: Any, to: Target = PUBLIC) -> tuple[Answer, list[Received]]:
    """What became of a message to a server that gives this answer, and what the server was sent."""
    async with serving(answered if callable(answered) else lambda request: answered, tls=True) as server:
        network.port = server.port
        return await sender.send(to, "c1_ended", BODY), server.received


async def test_the_receiver_can_tell_that_it_was_us(sender, network):
    told, [request] = await sent(sender, network, answer(status=204))
    assert told == Answer(204)
    assert (request.method, request.path) == ("POST", "/calls?token=1")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == "c1_ended"
    assert Webhook(NEW).verify(request.body, request.headers)["data"]["reason"] == "goodbye, Zoë"
    for changed in ({"webhook-id": "c2_ended"}, {"webhook-timestamp": "1"}, {"webhook-signature": "v1,"}):
        with pytest.raises(WebhookVerificationError):
            Webhook(NEW).verify(request.body, request.headers | changed)
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(request.body.replace(b"Zo", b"Jo"), request.headers)


async def test_while_a_secret_is_rotated_each_of_both_proves_it(sender, network):
    to = Target("w1", PUBLIC.url, False, (NEW, OLD))
    _, [request] = await sent(sender, network, answer(), to)
    for secret in (NEW, OLD):
        Webhook(secret).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(request.body, request.headers)


async def test_each_attempt_is_signed_with_its_own_time(network):
    moments = iter([datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC)])
    sender = Sender(ssl_context=trusting(), resolve=names(), clock=lambda: next(moments))
    _, [early] = await sent(sender, network, answer())
    _, [late] = await sent(sender, network, answer())
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(NEW).verify(early.body, early.headers)
    Webhook(NEW).verify(late.body, late.headers)
    await sender.close()


@pytest.mark.parametrize(
    ("answered", "status", "problem"),
    [
        (answer(status=301, Location="https://example.com/"), 301, "it answered 301 Moved Permanently"),
        (answer(status=404), 404, "it answered 404 Not Found"),
        (answer(status=410), 410, "it answered 410 Gone"),
        (answer(status=599), 599, "it answered 599"),
        (b"HTTP/1.1 nonsense\r\n\r\n", None, "it broke off"),
    ],
)
async def test_what_is_no_success_is_a_failure_with_its_reason(sender, network, answered, status, problem):
    told, received = await sent(sender, network, answered)
    assert (told.status, told.gone) == (status, status == 410)
    assert told.problem is not None
    assert told.problem.startswith(problem)
    assert len(received) == 1  # no redirect was followed


async def test_a_receiver_that_takes_too_long_is_given_up(network):
    sender = Sender(timeout_s=0.05, ssl_context=trusting(), resolve=names())

    async def silent(request: Received) -> bytes:
        await asyncio.Event().wait()
        return b""

    told, _ = await sent(sender, network, silent)
    assert told == Answer(None, "no answer within 0.05 s")
    told, _ = await sent(sender, network, b"HTTP/1.1 200 -\r\nContent-Length: 5\r\n\r\n1")  # and then nothing
    assert told == Answer(None, "no answer within 0.05 s")
    await sender.close()


async def test_one_that_resets_the_connection_or_is_not_there_has_failed(sender, network):
    def reset(request: Received) -> bytes:
        raise ConnectionError

    told, _ = await sent(sender, network, reset)
    assert str(told.problem).startswith("it broke off: ")
    network.port = 1
    told = await sender.send(PUBLIC, "c1_ended", BODY)
    assert str(told.problem).startswith("it can't be reached: ")


async def test_an_endless_answer_is_not_read_to_its_end(sender, network):
    endless = b"HTTP/1.1 200 -\r\nContent-Length: 999999999\r\n\r\n" + bytes(256 * 1024)  # and then nothing
    told, _ = await asyncio.wait_for(sent(sender, network, endless), 10)
    assert told == Answer(200)


async def test_an_answer_in_thousands_of_parts_leaves_room_for_calls(sender, network):
    assert await turns_during(sent(sender, network, in_parts(5000, "text/plain"))) > 5000


@pytest.mark.parametrize("url", [f"https://{host}/" for host in IN_URLS])
async def test_no_spelling_of_a_private_address_is_dialled(sender, network, url):
    told = await sender.send(Target("w1", url, False, (NEW,)), "c1_ended", BODY)
    assert told.problem is not None
    assert network.dialled == []


@pytest.mark.parametrize("address", FROM_NAME_SERVERS)
async def test_no_name_leads_to_a_private_address(network, address):
    sender = Sender(ssl_context=trusting(), resolve=names(inside_example=(address,)))
    told = await sender.send(Target("w1", "https://inside.example/", False, (NEW,)), "c1_ended", BODY)
    assert told == Answer(None, "it is not on the public internet, and --allow-private was not given")
    assert network.dialled == []
    await sender.close()


async def test_a_private_address_is_dialled_if_it_is_allowed(sender):
    async with serving(lambda request: answer()) as server:
        to = Target("w1", f"http://127.0.0.1:{server.port}/", True, (NEW,))
        assert await sender.send(to, "c1_ended", BODY) == Answer(200)


async def test_a_certificate_of_another_host_is_refused(network):
    sender = Sender(ssl_context=trusting(), resolve=names(other_example=("93.184.215.14",)))
    async with serving(lambda request: answer(), tls=True) as server:
        network.port = server.port
        told = await sender.send(Target("w1", "https://other.example/", False, (NEW,)), "c1_ended", BODY)
        assert "CERTIFICATE_VERIFY_FAILED" in str(told.problem)
        assert server.received == []
    await sender.close()


async def test_a_receiver_may_ask_to_be_left_alone_for_a_while(network):
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    sender = Sender(ssl_context=trusting(), resolve=names(), clock=lambda: now)
    in_a_minute = format_datetime(now + timedelta(minutes=1), usegmt=True)
    never = "Sat, 21 Nov 99999999999999999999 12:00:00 GMT"
    for text, wait_s in (("120", 120.0), (in_a_minute, 60.0), ("soon", None), ("-1", None), (never, None)):
        told, _ = await sent(sender, network, answer(status=503, Retry_After=text))
        assert told.wait_s == wait_s
    await sender.close()


@pytest.mark.parametrize(
    ("url", "allow_private", "problem"),
    [
        ("https://example.com/calls?token=1", False, None),
        ("http://10.0.0.1:8000", True, None),
        ("http://example.com", False, "https://"),
        ("https://10.0.0.1", False, "--allow-private"),
        ("https://[::1]/", False, "--allow-private"),
        ("ftp://example.com", True, "must be an address such as"),
        ("example.com/calls", False, "must be an address such as"),
        ("https://", True, "must be an address such as"),
        ("https://exa mple.com:x", True, "is not an address"),
        ("https://ada:hush@example.com", True, "user and password"),
    ],
)
def test_an_address_that_can_not_be_used_says_why(url, allow_private, problem):
    found = url_problem(url, allow_private=allow_private)
    assert found is None if problem is None else problem in str(found)
