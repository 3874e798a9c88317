from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

import httpx
import httpx2
import pytest

from phoneagent.tools.addresses import ForbiddenAddressError, guard, is_public
from phoneagent.tools.lookup import resolve
from tests.tools.private_addresses import FROM_NAME_SERVERS, IN_URLS
from tests.tools.web import HOST, PUBLIC, Network, answer, names, serving, trusting, watched


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    return watched(monkeypatch)


@pytest.fixture(params=[httpx, httpx2], ids=["httpx", "httpx2"])
def package(request: pytest.FixtureRequest) -> Any:
    return request.param


def client(package: Any, resolve: Any) -> Any:
    transport = package.AsyncHTTPTransport(verify=trusting(), trust_env=False)
    guard(transport, resolve)
    return package.AsyncClient(transport=transport, trust_env=False)


@pytest.mark.parametrize("address", FROM_NAME_SERVERS)
def test_what_is_not_on_the_public_internet_is_known(address: str):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.215.14", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::8.8.8.8"]
)
def test_what_is_public_is_known_behind_nat64_too(address: str):
    assert is_public(address)


async def test_the_address_that_was_checked_is_dialled_under_the_name_that_was_asked_for(
    package: Any, network: Network
):
    async with serving(lambda request: answer("hello"), tls=True) as server, client(package, names()) as web:
        network.port = server.port
        assert (await web.get(f"https://{HOST}/")).text == "hello"
        assert network.dialled == [PUBLIC]
        assert server.names == [HOST]
        assert server.received[0].headers["host"] == HOST


async def test_a_name_that_resolves_to_something_else_a_moment_later_gains_nothing(package: Any, network: Network):
    answers: list[Sequence[str]] = [(PUBLIC,), ("127.0.0.1",), ("127.0.0.1",)]

    async def rebinding(host: str, port: int) -> Sequence[str]:
        return answers.pop(0)

    async with serving(lambda request: answer("hello", Connection="close"), tls=True) as server:
        network.port = server.port
        async with client(package, rebinding) as web:
            assert (await web.get(f"https://{HOST}/")).text == "hello"
            with pytest.raises(ForbiddenAddressError):
                await web.get(f"https://{HOST}/")
        assert network.dialled == [PUBLIC]


@pytest.mark.parametrize("address", FROM_NAME_SERVERS)
async def test_a_host_with_one_address_that_is_not_public_is_not_dialled_at_all(
    package: Any, network: Network, address: str
):
    async with client(package, names(evil_example=(PUBLIC, address))) as web:
        with pytest.raises(ForbiddenAddressError):
            await web.get("https://evil.example/")
    assert network.dialled == []


@pytest.mark.parametrize("host", IN_URLS)
async def test_no_spelling_of_a_private_address_is_dialled(package: Any, network: Network, host: str):
    async with client(package, resolve) as web:
        with pytest.raises((ForbiddenAddressError, package.InvalidURL, package.HTTPError, OSError)):
            await web.get(f"http://{host}/")
    assert network.dialled == []


async def test_the_spellings_would_reach_something_if_nobody_looked(package: Any, network: Network):
    async with serving(lambda request: answer("hello")) as server:
        reached = []
        async with package.AsyncClient(trust_env=False) as web:
            for host in ("127.0.0.1", "localhost", "user@127.0.0.1", "127。0。0。1"):
                reached.append((await web.get(f"http://{host}:{server.port}/")).text)
    assert reached == ["hello"] * 4
    resolved = [await resolve(host, 80) for host in ("127.1", "0x7f.1", "2130706433", "017700000001", "0", "localhost")]
    assert all(not is_public(address) and ip_address(address) for addresses in resolved for address in addresses)


async def test_the_next_address_is_tried_when_one_does_not_answer(package: Any, network: Network):
    async with serving(lambda request: answer("hello"), tls=True) as server:
        network.port = server.port
        async with client(package, names(api_example_com=("8.8.8.8", PUBLIC))) as web:
            assert (await web.get(f"https://{HOST}/")).text == "hello"
    assert network.dialled == ["8.8.8.8", PUBLIC]


async def test_a_host_without_an_address_is_not_there(package: Any, network: Network):
    async with client(package, names(empty_example=())) as web:
        for host in ("empty.example", "unknown.example"):
            with pytest.raises(OSError, match="no "):
                await web.get(f"https://{host}/")


async def test_the_system_knows_localhost_and_no_nonsense():
    assert "127.0.0.1" in await resolve("localhost", 80)
    for nonsense in ("a" * 64 + ".example", "exa mple", ".."):
        with pytest.raises(OSError, match=r"[Nn]ame|host"):
            await resolve(nonsense, 80)
