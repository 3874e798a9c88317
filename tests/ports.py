"""Ports of this machine that nobody else comes upon while a test needs them."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_BELOW_THE_SYSTEMS = range(20_000, 32_000)  # whoever asks for any port is given a higher one, by Linux from 32768 on


def free_port() -> int:
    """A port for a program that is still to begin."""
    while True:
        port = secrets.choice(_BELOW_THE_SYSTEMS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@contextmanager
def refusing_port() -> Iterator[int]:
    """A port at which nobody answers, nor will."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
