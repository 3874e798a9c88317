"""A TLS proxy in front of a service, as a tunnel or nginx is, with a certificate of its own."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Certificate:
    """A self-signed certificate for localhost, in `file` with its key."""

    def __init__(self, folder: Path, days: float = 90) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.file = folder / "localhost.pem"
        self.file.write_bytes(private + made.public_bytes(pem))

    def trusted(self) -> ssl.SSLContext:
        """What a client trusts that knows this certificate."""
        return ssl.create_default_context(cafile=self.file)


class Front:
    """Listens at `url`; what comes is passed on to the service at `leads_to`, by and by set."""

    def __init__(self) -> None:
        self.url = ""
        self.leads_to = ""
        self.passes_upgrades = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = urlsplit(self.leads_to)
        try:
            back, forth = await asyncio.open_connection(there.hostname, there.port)
        except OSError:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(
                b"HTTP/1.1 502 Bad Gateway\r\nngrok-error-code: ERR_NGROK_8012\r\n"
                b"Content-Length: 0\r\nConnection: close\r\n\r\n"
            )
            writer.close()
            return
        await asyncio.gather(self._pass(reader, forth), self._pass(back, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if not self.passes_upgrades:
                    data = data.replace(b"Upgrade: websocket\r\n", b"").replace(b"Connection: Upgrade\r\n", b"")
                writer.write(data)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def in_front(certificate: Certificate) -> AsyncIterator[Front]:
    """A front with this certificate, which leads nowhere yet."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.file)
    front = Front()
    server = await asyncio.start_server(front.serve, "127.0.0.1", 0, ssl=context)
    front.url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    try:
        yield front
    finally:
        server.close()
