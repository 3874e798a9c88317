"""The web as tools find it: a server on loopback that answers what a test wants, and a network that is watched."""

from __future__ import annotations

import asyncio
import datetime
import inspect
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpcore
import httpcore2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PUBLIC = "93.184.215.14"  # leads to a server on loopback, through the watched network
HOST = "api.example.com"


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    headers: dict[str, str]  # by lower-case names
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def answer(body: bytes | str | Any = b"", status: int = 200, kind: str = "application/json", **headers: str) -> bytes:
    """An HTTP answer. What is neither bytes nor text is written as JSON; `_` in a header's name is a hyphen."""
    if not isinstance(body, bytes):
        body = (body if isinstance(body, str) else json.dumps(body)).encode()
    fields = {"Content-Type": kind, "Content-Length": str(len(body))}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} -\r\n{head}\r\n".encode() + body


def in_parts(count: int, kind: str) -> bytes:
    """An answer of so many spaces, each of which is sent by itself, but all at once."""
    head = f"HTTP/1.1 200 -\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode() + b"1\r\n \r\n" * count + b"0\r\n\r\n"


async def turns_during(work: Awaitable[Any]) -> int:
    """How often others have their turn on the event loop while something is done."""
    turns, doing = 0, asyncio.ensure_future(work)
    while not doing.done():
        await asyncio.sleep(0)
        turns += 1
    await doing
    return turns


Answers = Callable[[Received], bytes | Awaitable[bytes]]


@dataclass
class Server:
    port: int = 0
    received: list[Received] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)  # that TLS asked for


@asynccontextmanager
async def serving(answers: Answers, *, tls: bool = False) -> AsyncIterator[Server]:
    server = Server()

    serving: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            serving.add(task)
        try:
            while request := await _read(reader):
                server.received.append(request)
                answered = answers(request)
                writer.write(await answered if inspect.isawaitable(answered) else answered)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # cancelled: by the end of the test, which asyncio.streams would complain of
        finally:
            writer.close()

    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with TemporaryDirectory() as folder:
            path = Path(folder) / "both.pem"
            path.write_bytes(certificate()[0])
            context.load_cert_chain(path)
        context.sni_callback = lambda _, name, __: server.names.append(name)
    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving)


async def _read(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.rstrip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Received(method, path, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


@cache
def certificate() -> tuple[bytes, str]:
    """Key and certificate of HOST in one, and the certificate alone, both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + public, public.decode()


@cache
def trusting() -> ssl.SSLContext:
    """A client's TLS that trusts the certificate of HOST, and no other."""
    return ssl.create_default_context(cadata=certificate()[1])


def names(**hosts: Sequence[str]) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """A name server that knows these hosts (`_` for a dot), and that HOST is at PUBLIC."""
    known = {HOST: (PUBLIC,)} | {host.replace("_", "."): addresses for host, addresses in hosts.items()}

    async def resolve(host: str, port: int) -> Sequence[str]:
        if host not in known:
            raise OSError("no such host")
        return known[host]

    return resolve


@dataclass
class Network:
    """What httpx dials, and httpx2; PUBLIC leads to the port on loopback that is set."""

    dialled: list[str] = field(default_factory=list)
    port: int = 0


def watched(monkeypatch: pytest.MonkeyPatch) -> Network:
    """The network from now on: loopback, and PUBLIC. Anything else refuses the connection."""
    network = Network()
    for package in (httpcore, httpcore2):
        connect: Any = package.AnyIOBackend.connect_tcp

        async def dial(
            self: Any, host: str, port: int, *rest: Any, connect: Any = connect, package: Any = package, **more: Any
        ) -> Any:
            network.dialled.append(host)
            if host == PUBLIC:
                return await connect(self, "127.0.0.1", network.port, *rest, **more)
            if host in ("127.0.0.1", "localhost"):
                return await connect(self, host, port, *rest, **more)
            raise package.ConnectError("refused")

        monkeypatch.setattr(package.AnyIOBackend, "connect_tcp", dial)
    return network
