"""Addresses of peers."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine, by name or address."""
    address = _parse(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def is_of_internet(host: str | None) -> bool:
    """Whether an address is a public one: not of this machine, nor of a private network."""
    address = _parse(host)
    return address is not None and address.is_global


def network_of_internet(host: str | None) -> str | None:
    """The network of a public address that one customer has: the address itself, of IPv6 the first half. None for
    other addresses."""
    address = _parse(host)
    if address is None or not address.is_global:
        return None
    return str(IPv6Network((int(address) >> 64 << 64, 64))) if isinstance(address, IPv6Address) else str(address)


def _parse(host: str | None) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host or "")
    except ValueError:
        return None
    # A socket for both versions shows IPv4 peers as ::ffff:a.b.c.d, of which old Pythons know nothing more.
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
