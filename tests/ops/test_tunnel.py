"""Tunnels: ngrok's package, cloudflared's program, and what is said when they don't open."""

import asyncio
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from phoneagent.ops import OpsError, tunnel

CLOUDFLARED = """#!/bin/sh
echo "$@" > "$0.arguments"
echo "INF Requesting new quick Tunnel on trycloudflare.com..." >&2
{then}
"""
OPENS = """{before}
echo "INF |  https://blue-door-ada.trycloudflare.com  |" >&2
echo "INF Registered tunnel connection connIndex=0" >&2
{after}"""
STAYS = "exec sleep 60"


def cloudflared(folder: Path, then: str) -> str:
    """A program that says what cloudflared says, and what happens then."""
    program = folder / "cloudflared"
    program.write_text(CLOUDFLARED.format(then=then))
    program.chmod(0o755)
    return str(program)


async def test_cloudflared_says_the_address_and_ends_with_us(tmp_path: Path):
    program = cloudflared(
        tmp_path, OPENS.format(before=f"trap 'touch {tmp_path}/ended; kill $!; exit' TERM", after="sleep 60 & wait")
    )
    async with tunnel.cloudflared(8123, program) as way:
        assert way.url == "https://blue-door-ada.trycloudflare.com"
        assert not way.broken.done()
    assert (tmp_path / "cloudflared.arguments").read_text().split()[-2:] == ["--url", "http://127.0.0.1:8123"]
    assert (tmp_path / "ended").exists()


async def test_a_cloudflared_that_breaks_off_is_told(tmp_path: Path):
    program = cloudflared(
        tmp_path, OPENS.format(before="", after='sleep 0.1; echo "ERR Lost connection with the edge" >&2')
    )
    async with tunnel.cloudflared(8123, program) as way:
        assert await asyncio.wait_for(way.broken, 30) == "cloudflared has ended: ERR Lost connection with the edge"


async def test_a_cloudflared_that_does_not_open_says_why(tmp_path: Path):
    refused = 'echo "ERR failed to request quick Tunnel: Post https://api.trycloudflare.com/tunnel: no route" >&2'
    with pytest.raises(OpsError, match="did not open the tunnel: ERR failed to request quick Tunnel"):
        async with tunnel.cloudflared(8123, cloudflared(tmp_path, refused)):
            pass


async def test_a_cloudflared_that_says_nothing_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tunnel, "OPENS_WITHIN_S", 3.0)  # in which a busy machine begins a program
    with pytest.raises(OpsError, match="within 3 s: INF Requesting"):
        async with tunnel.cloudflared(8123, cloudflared(tmp_path, STAYS)):
            pass


async def test_without_cloudflared_it_says_where_to_get_it(tmp_path: Path):
    with pytest.raises(OpsError, match="is not found: install it from https://"):
        async with tunnel.cloudflared(8123, str(tmp_path / "nothing")):
            pass


class Ngrok(ModuleType):
    """What the package ngrok has of what we use, with an account that owns one domain."""

    def __init__(self) -> None:
        super().__init__("ngrok")
        self.asked: dict[str, str] = {}
        self.closed = False

    def SessionBuilder(self) -> "Ngrok":
        return self

    def authtoken(self, authtoken: str) -> "Ngrok":
        self.asked["authtoken"] = authtoken
        return self

    async def connect(self) -> "Ngrok":
        if self.asked["authtoken"] == "wrong":
            raise ValueError("failed to connect session", "authentication failed", "ERR_NGROK_105")
        return self

    def http_endpoint(self) -> "Ngrok":
        return self

    def domain(self, domain: str) -> "Ngrok":
        self.asked["domain"] = domain
        return self

    async def listen_and_forward(self, url: str) -> SimpleNamespace:
        self.asked["upstream"] = url
        domain = self.asked.get("domain", "assigned.ngrok-free.app")
        return SimpleNamespace(url=lambda: f"https://{domain}")

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Ngrok:
    package = Ngrok()
    monkeypatch.setitem(sys.modules, "ngrok", package)
    return package


async def test_ngrok_leads_to_the_port_at_the_domain_that_is_wanted(package: Ngrok):
    async with tunnel.ngrok(8123, "token", "https://ada.ngrok-free.app") as way:
        assert way.url == "https://ada.ngrok-free.app"
        assert not package.closed
    assert package.asked["upstream"] == "http://127.0.0.1:8123"
    assert package.closed


async def test_ngrok_finds_a_domain_itself(package: Ngrok):
    async with tunnel.ngrok(8123, "token") as way:
        assert way.url == "https://assigned.ngrok-free.app"


async def test_ngrok_says_why_it_refuses(package: Ngrok):
    with pytest.raises(OpsError, match=r"ngrok did not open the tunnel: .*ERR_NGROK_105"):
        async with tunnel.ngrok(8123, "wrong"):
            pass


async def test_what_goes_wrong_behind_the_tunnel_is_not_the_tunnel_s(package: Ngrok):
    with pytest.raises(ValueError, match=r"^mine$"):
        async with tunnel.ngrok(8123, "token"):
            raise ValueError("mine")
    assert package.closed


async def test_without_a_token_ngrok_says_where_it_is():
    with pytest.raises(OpsError, match="NGROK_AUTHTOKEN is not set: copy it from https://dashboard"):
        async with tunnel.ngrok(8123, None):
            pass


async def test_without_the_package_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ngrok", None)
    with pytest.raises(OpsError, match=r"pip install 'phoneagent\[ngrok\]'"):
        async with tunnel.ngrok(8123, "token"):
            pass


def test_the_fake_package_has_nothing_that_the_real_one_has_not():
    ngrok = pytest.importorskip("ngrok")
    for name in ("authtoken", "connect"):
        assert hasattr(ngrok.SessionBuilder, name)
    assert {"http_endpoint", "close"} <= set(dir(ngrok.Session))
    assert {"domain", "listen_and_forward"} <= set(dir(ngrok.HttpListenerBuilder))
    assert "url" in dir(ngrok.Listener)
