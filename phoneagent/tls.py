"""Whom this machine trusts when it connects to others by TLS."""

from __future__ import annotations

import ssl
from functools import cache


@cache
def trusted() -> ssl.SSLContext:
    """The certificate authorities of the system, for all connections: reading them takes 35 ms of a core."""
    return ssl.create_default_context()
