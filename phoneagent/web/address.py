"""Addresses of peers."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine, by name or address."""
    address = _parse(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def is_of_internet(host: str | None) -> bool:
    """Whether an address is a public one: not of this machine, nor of a private network."""
    address = _parse(host)
    return address is not None and address.is_global


def _parse(host: str | None) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host or "")
    except ValueError:
        return None
    # A socket for both versions shows IPv4 peers as ::ffff:a.b.c.d, of which old Pythons know nothing more.
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
