from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from phoneagent.core.agents import Agent, HttpTool
from phoneagent.tools import Call, Toolbox, ToolError
from phoneagent.tools.http import HttpTools
from phoneagent.tools.http_answer import MAX_BYTES
from phoneagent.tools.runnable import BadArgumentsError
from tests.calls.virtual_time import VirtualTimeLoop
from tests.tools.private_addresses import FROM_NAME_SERVERS, IN_URLS
from tests.tools.web import (
    HOST,
    Network,
    Received,
    answer,
    in_parts,
    names,
    serving,
    trusting,
    turns_during,
    watched,
)

SECRET = "s3cr3t-0123456789"
CALL = Call("CA1", "+15550199", "+15550100", Agent("ada"), "CA1/call_7")
ORDER = HttpTool(
    description="Look up an order.",
    method="GET",
    url=f"https://{HOST}/orders/{{order}}",
    parameters={"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]},
    headers={"Authorization": "Bearer ${SHOP_TOKEN}"},
)
PING = HttpTool("Ping.", "GET", f"https://{HOST}/", {"type": "object"})


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    return watched(monkeypatch)


@pytest.fixture
async def tools() -> AsyncIterator[HttpTools]:
    http = HttpTools({"SHOP_TOKEN": SECRET}, ssl_context=trusting(), resolve=names())
    yield http
    await http.close()


async def run(tools: HttpTools, declared: HttpTool, arguments: str = "{}") -> Any:
    return await tools.tool("shop", declared).run(arguments, CALL)


Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
def ask(tools: HttpTools, network: Network) -> Ask:
    """Runs a tool against a server that gives one answer."""

    async def ask(answered: Any, declared: HttpTool = PING, arguments: str = "{}") -> Any:
        async with serving(answered if callable(answered) else lambda request: answered, tls=True) as server:
            network.port = server.port
            return await run(tools, declared, arguments)

    return ask


async def test_a_tool_is_one_request_and_tells_what_of_the_answer_it_is_asked_for(tools: HttpTools, network: Network):
    async with serving(lambda request: answer({"order": {"status": "shipped"}}), tls=True) as server:
        network.port = server.port
        result = await run(tools, replace(ORDER, result="order.status"), '{"order": "A 1"}')
    assert result == "shipped"
    [request] = server.received
    assert (request.method, request.path, request.body) == ("GET", "/orders/A%201", b"")
    assert request.headers["host"] == HOST
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert "idempotency-key" not in request.headers


async def test_a_post_carries_its_arguments_and_the_key_of_the_tool_call(tools: HttpTools, network: Network):
    book = replace(ORDER, method="POST", url=f"https://{HOST}/tables", body={"for": "{order}"}, query={"dry": False})
    async with serving(lambda request: answer({"booked": True}), tls=True) as server:
        network.port = server.port
        assert await run(tools, book, '{"order": "Grüße"}') == {"booked": True}
    [request] = server.received
    assert (request.method, request.path, request.json) == ("POST", "/tables?dry=false", {"for": "Grüße"})
    assert request.headers["content-type"] == "application/json"
    assert request.headers["idempotency-key"] == "CA1/call_7"


def test_the_model_is_told_of_its_parameters(tools: HttpTools):
    spec = tools.tool("shop", ORDER).spec
    assert (spec.name, spec.description) == ("shop", "Look up an order.")
    assert spec.parameters == {**ORDER.parameters, "additionalProperties": False}
    assert tools.tool("shop", ORDER) is tools.tool("shop", ORDER)


async def test_bad_arguments_are_not_sent(tools: HttpTools, network: Network):
    for arguments in ("{}", '{"order": 1}', '{"order": "A1", "x": 1}', '{"order": "a/b"}'):
        with pytest.raises(BadArgumentsError):
            await run(tools, ORDER, arguments)
    with pytest.raises(BadArgumentsError, match="too long for an address"):
        await run(tools, ORDER, f'{{"order": "{"é" * 16_000}"}}')
    assert network.dialled == []


@pytest.mark.parametrize(
    ("answered", "told"),
    [
        (answer({"a": [1, "é"]}), {"a": [1, "é"]}),
        (answer("Grüß Gott", kind="text/plain; charset=utf-8"), "Grüß Gott"),
        (answer("Grüß Gott".encode("latin-1"), kind="text/plain; charset=ISO-8859-1"), "Grüß Gott"),
        (answer(b"caf\xff", kind="text/plain; charset=punycode"), "caf\ufffd"),
        (answer({"a": 1}, kind="application/problem+json"), {"a": 1}),
        (answer(b"", status=204), None),
        (answer(gzip.compress(b'{"a": 1}'), Content_Encoding="gzip"), {"a": 1}),
    ],
)
async def test_json_and_text_are_understood(ask: Ask, answered: bytes, told: Any):
    assert await ask(answered) == told


@pytest.mark.parametrize(
    ("answered", "message", "ran"),
    [
        (
            answer({"error": "no such order"}, 404),
            'The service answered 404 Not Found: {"error": "no such order"}',
            False,
        ),
        (answer("x" * 5000, 400, "text/plain"), "The service answered 400 Bad Request: " + "x" * 300, False),
        (answer(b"\x00", 500, "image/png"), "The service answered 500 Internal Server Error.", True),
        (answer(b"", 302, Location="https://api.example.com/b"), "a redirect, which is not followed.", True),
        (answer(b"\x00", kind="image/png"), "answered with image/png, which is neither JSON nor text.", True),
        (answer("{", kind="application/json"), "The service's answer is not JSON.", True),
        (answer(b"\x1f\x8b..", Content_Encoding="gzip"), "The service's answer is damaged.", True),
        (answer(b"x", Content_Encoding="br"), "in an encoding that was not asked for.", True),
        (answer(b" " * (MAX_BYTES + 1)), "The service's answer is longer than 1024 KiB.", True),
        (
            answer(gzip.compress(bytes(300 * MAX_BYTES)), Content_Encoding="gzip"),
            "The service's answer is longer than 1024 KiB.",
            True,
        ),
        (b"nonsense\r\n\r\n", "The service broke off. It may have done its work.", True),
    ],
)
async def test_what_is_no_answer_is_told_in_a_line(ask: Ask, answered: bytes, message: str, ran: bool):
    with pytest.raises(ToolError) as raised:
        await ask(answered)
    assert str(raised.value).endswith(message)
    assert raised.value.ran is ran


async def test_an_answer_that_is_not_as_expected_says_so(ask: Ask):
    with pytest.raises(ToolError, match="not what was expected"):
        await ask(answer({"n": 1}), replace(PING, result="length(n)"))
    with pytest.raises(ToolError, match="text where JSON was expected"):
        await ask(answer("hello", kind="text/plain"), replace(PING, result="n"))
    assert await ask(answer({"n": 1}), replace(PING, result="m")) is None


async def test_an_answer_without_an_end_is_given_up(ask: Ask):
    async def endless(request: Received) -> bytes:
        return b"HTTP/1.1 200 -\r\nContent-Type: text/plain\r\n\r\n" + b"x" * (2 * MAX_BYTES)

    with pytest.raises(ToolError, match="longer than 1024 KiB") as first:
        await ask(endless)
    with pytest.raises(ToolError) as second:
        await ask(endless)
    assert first.value is not second.value  # one for all would keep what each was raised with, the answer too


async def test_an_answer_in_thousands_of_parts_leaves_room_for_calls(ask: Ask):
    assert await turns_during(ask(in_parts(5000, "text/plain"))) > 5000


def test_a_service_that_takes_too_long_is_given_up_and_may_have_done_its_work(network: Network):
    async def silent(request: Received) -> bytes:
        await asyncio.Event().wait()
        return b""

    async def run() -> None:
        toolbox = Toolbox({}, http=HttpTools({}, timeout_s=0.5, ssl_context=trusting(), resolve=names()))
        agent = Agent("ada", tools=("ping",), http_tools={"ping": PING})
        async with serving(silent, tls=True) as server:
            network.port = server.port
            result = await toolbox.run("ping", "{}", replace(CALL, agent=agent))
            assert len(server.received) == 1
        assert '"error":"timeout"' in result.output.replace(" ", "")
        assert result.ran
        patient = replace(agent, tool_options={"ping": {"timeout_s": 30}})
        assert [toolbox.policies(who)["ping"].timeout_s for who in (agent, patient)] == [0.5, 30]
        await toolbox.close()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:  # in which no time passes while it is asked
        runner.run(run())


async def test_a_name_server_that_hangs_is_given_up(network: Network):
    async def hanging(host: str, port: int) -> tuple[str, ...]:
        await asyncio.Event().wait()
        return ()

    toolbox = Toolbox({}, http=HttpTools({}, timeout_s=0.05, ssl_context=trusting(), resolve=hanging))
    agent = Agent("ada", tools=("ping",), http_tools={"ping": PING})
    assert '"timeout"' in (await toolbox.run("ping", "{}", replace(CALL, agent=agent))).output
    await toolbox.close()


async def test_a_service_that_can_not_be_reached_has_done_nothing(tools: HttpTools, network: Network):
    for url in ("https://unknown.example/", f"https://{HOST}/"):  # no such name; nobody listens
        network.port = 1
        with pytest.raises(ToolError, match="can't be reached") as raised:
            await run(tools, replace(PING, url=url))
        assert not raised.value.ran


async def test_a_certificate_of_somebody_else_is_not_trusted(network: Network):
    http = HttpTools({}, ssl_context=trusting(), resolve=names(other_example=("93.184.215.14",)))
    async with serving(lambda request: answer("hello"), tls=True) as server:
        network.port = server.port
        with pytest.raises(ToolError, match="can't be reached"):
            await run(http, replace(PING, url="https://other.example/"))
    assert server.received == []
    await http.close()


async def test_runs_are_cancelled_at_once(tools: HttpTools, network: Network):
    asked = asyncio.Event()

    async def silent(request: Received) -> bytes:
        asked.set()
        await asyncio.sleep(60)
        return b""

    async with serving(silent, tls=True) as server:
        network.port = server.port
        running = asyncio.create_task(run(tools, PING))
        await asked.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


# What must not be reached


@pytest.mark.parametrize("host", IN_URLS)
async def test_no_spelling_of_a_private_address_is_reached(network: Network, host: str):
    http = HttpTools({}, ssl_context=trusting())
    declared = replace(PING, url=f"http://{host}/", allow_http=True)
    with pytest.raises((ToolError, ValueError)) as raised:
        await run(http, declared)
    assert network.dialled == []
    assert not getattr(raised.value, "ran", False)
    await http.close()


@pytest.mark.parametrize("address", FROM_NAME_SERVERS)
async def test_no_name_leads_to_a_private_address(network: Network, address: str):
    http = HttpTools({}, ssl_context=trusting(), resolve=names(evil_example=(address,)))
    with pytest.raises(ToolError, match="not allowed"):
        await run(http, replace(PING, url="https://evil.example/"))
    assert network.dialled == []
    await http.close()


async def test_a_private_address_is_reached_where_the_file_allows_it_and_nowhere_else(network: Network):
    http = HttpTools({}, ssl_context=trusting())
    async with serving(lambda request: answer("hello", kind="text/plain")) as server:
        local = replace(PING, url=f"http://localhost:{server.port}/", allow_http=True)
        assert await run(http, replace(local, allow_private=True)) == "hello"
        with pytest.raises(ToolError, match="not allowed"):  # though there is a connection by now
            await run(http, local)
    assert len(server.received) == 1
    await http.close()


async def test_proxies_of_the_environment_are_not_used(
    tools: HttpTools, network: Network, monkeypatch: pytest.MonkeyPatch
):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    http = HttpTools({}, ssl_context=trusting(), resolve=names())
    async with serving(lambda request: answer({"ok": 1}), tls=True) as server:
        network.port = server.port
        assert await run(http, PING) == {"ok": 1}
    await http.close()


# Redirects

MOVED = replace(ORDER, url=f"https://{HOST}/a", parameters={"type": "object"}, allow_redirects=True)


def moving(location: str, status: int = 302) -> Callable[[Received], bytes]:
    return lambda request: (
        answer(b"", status, Location=location) if request.path == "/a" else answer({"now": request.path})
    )


async def test_a_redirect_is_followed_where_the_file_allows_it(tools: HttpTools, network: Network):
    async with serving(moving("/b?c=d"), tls=True) as server:
        network.port = server.port
        assert await run(tools, MOVED) == {"now": "/b?c=d"}
    assert [request.headers.get("authorization") for request in server.received] == [f"Bearer {SECRET}"] * 2


async def test_headers_go_to_no_other_origin(network: Network):
    http = HttpTools({"SHOP_TOKEN": SECRET}, ssl_context=trusting(), resolve=names())
    declared = replace(MOVED, method="POST", body={"a": 1}, headers={"X-Key": "${SHOP_TOKEN}", "Authorization": "a"})
    async with serving(moving(f"https://{HOST}:8443/b", 307), tls=True) as server:
        network.port = server.port
        assert await run(http, declared) == {"now": "/b"}
    first, second = server.received
    assert (first.headers["x-key"], first.json) == (SECRET, {"a": 1})
    assert (second.method, second.headers["host"], second.json) == ("POST", f"{HOST}:8443", {"a": 1})
    assert not {"x-key", "authorization"} & second.headers.keys()
    await http.close()


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("https://127.0.0.1/", "not allowed"),
        ("https://[::ffff:169.254.169.254]/", "not allowed"),
        ("https://2130706433/", "not allowed"),
        ("https://evil.example/", "not allowed"),
        (f"http://{HOST}/b", "redirected to an address that is not allowed"),
        ("file:///etc/passwd", "redirected to an address that is not allowed"),
        ("https://①②⑦.⓪.⓪.①/", "broke off"),
        ("/a", "too many redirects"),
    ],
)
async def test_a_redirect_leads_nowhere_that_a_tool_may_not_go(network: Network, location: str, message: str):
    async def resolve(host: str, port: int) -> tuple[str, ...]:
        known = {HOST: "93.184.215.14", "evil.example": "10.0.0.1", "2130706433": "127.0.0.1"}
        return (known.get(host, host),)

    http = HttpTools({"SHOP_TOKEN": SECRET}, ssl_context=trusting(), resolve=resolve)
    async with serving(moving(location.encode().decode("latin-1")), tls=True) as server:
        network.port = server.port
        with pytest.raises(ToolError, match=message) as raised:
            await run(http, MOVED)
    assert raised.value.ran  # the service that redirects may have done its work
    assert set(network.dialled) == {"93.184.215.14"}
    assert {request.path for request in server.received} == {"/a"}
    await http.close()


# Secrets, and what one call may know of another


@pytest.mark.parametrize("status", [200, 403])
async def test_a_secret_that_comes_back_is_not_passed_on(ask: Ask, status: int):
    echo = answer({"you": {"sent": [f"Bearer {SECRET}"], SECRET: 1}}, status)
    try:
        told = str(await ask(echo, ORDER, '{"order": "A1"}'))
    except ToolError as error:
        told = str(error)
    assert "[secret]" in told
    assert SECRET not in told


async def test_secrets_and_arguments_are_in_no_log_and_no_error(
    ask: Ask, tools: HttpTools, network: Network, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.INFO, "phoneagent"):
        for answered in (answer({}, 500), b"nonsense\r\n\r\n", answer({"ok": 1})):
            with suppress(ToolError):
                await ask(answered, ORDER, '{"order": "private-matter"}')
        network.port = 1
        with pytest.raises(ToolError):
            await run(tools, ORDER, '{"order": "private-matter"}')
    assert [record.host for record in caplog.records] == [HOST] * len(caplog.records)  # type: ignore[attr-defined]
    for record in caplog.records:
        if record.name.startswith("phoneagent"):
            assert "private-matter" not in str(vars(record))
            assert SECRET not in str(vars(record))
    assert SECRET not in repr(tools.tool("shop", ORDER))


def test_a_tool_that_can_not_be_used_is_refused_with_the_reasons(tools: HttpTools):
    with pytest.raises(ValueError, match=r"the host is fixed.*\$\{HOME\} is not among"):
        tools.tool("shop", replace(ORDER, url="https://{order}/", headers={"X": "${HOME}"}))
    broken = HttpTools({"SHOP_TOKEN": "line\nbreak-secret"})
    with pytest.raises(ValueError, match="characters that no header may have") as raised:
        broken.tool("shop", ORDER)
    assert "break" not in str(raised.value)


async def test_a_cookie_of_one_call_is_not_sent_in_another(tools: HttpTools, network: Network):
    async with serving(lambda request: answer({}, Set_Cookie="session=1; Path=/"), tls=True) as server:
        network.port = server.port
        await run(tools, PING)
        await run(tools, PING)
    assert [request.headers.get("cookie") for request in server.received] == [None, None]


async def test_one_call_does_not_wait_for_another(tools: HttpTools, network: Network):
    release = asyncio.Event()

    async def answers(request: Received) -> bytes:
        if request.path == "/orders/slow":
            await release.wait()
        return answer(request.path, kind="text/plain")

    async with serving(answers, tls=True) as server:
        network.port = server.port
        slow = asyncio.create_task(run(tools, ORDER, '{"order": "slow"}'))
        quick = await asyncio.gather(*(run(tools, ORDER, f'{{"order": "{n}"}}') for n in range(20)))
        assert quick == [f"/orders/{n}" for n in range(20)]
        release.set()
        assert await slow == "/orders/slow"
