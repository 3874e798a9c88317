"""Which addresses a tool may reach: those of the public internet, whatever its names resolve to and when."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any

import httpcore

if TYPE_CHECKING:
    import httpx
    import httpx2

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host and port. Raises OSError."""

# The IANA special-purpose registries, spelled out: `is_global` differs between versions of Python.
_NOT_PUBLIC_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT, and Alibaba's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host
        "169.254.0.0/16",  # link-local, and the metadata of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)
_PUBLIC_V6 = IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocols, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4, which holds an IPv4 address
        "3fff::/20",
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")  # where a network without IPv4 finds the IPv4 internet


class ForbiddenAddressError(Exception):
    """A host has an address that is not on the public internet."""


def is_public(address: str) -> bool:
    """Whether an IP address, as numbers, belongs to the public internet."""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address) and ip in _NAT64:
        ip = IPv4Address(int(ip) & 0xFFFF_FFFF)
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in _NOT_PUBLIC_V4)
    return ip in _PUBLIC_V6 and not any(ip in network for network in _NOT_PUBLIC_V6)


def guard(transport: httpx.AsyncHTTPTransport | httpx2.AsyncHTTPTransport, resolve: Resolve) -> None:
    """Let the transport connect to public addresses only; it raises ForbiddenAddressError for a host with others.

    The address that is checked is the one that is dialled, so a name that resolves to something else a moment later
    gains nothing. The certificate and the Host header remain those of the name.
    """
    pool: Any = transport._pool  # neither package has a parameter for it
    pool._network_backend = _PublicNetwork(pool._network_backend, resolve)


class _PublicNetwork(httpcore.AsyncNetworkBackend):
    """The network of httpcore, and of httpcore2, which asks the same of it."""

    def __init__(self, network: httpcore.AsyncNetworkBackend, resolve: Resolve) -> None:
        self._network = network
        self._resolve = resolve

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._resolve(host, port)
        if not all(is_public(address) for address in addresses):
            raise ForbiddenAddressError(host)
        failure: Exception = OSError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except Exception as error:  # of httpcore or httpcore2
                failure = error
        raise failure
