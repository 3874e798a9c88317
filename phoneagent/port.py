"""Takes the port to listen on, and says why it can't be had."""

from __future__ import annotations

import errno
import os
import socket

from phoneagent.settings import SettingsError


def bracketed(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def listen(host: str, port: int) -> socket.socket:
    """Take the port. Raises SettingsError if it can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()  # only now is the port taken, and the engine's start is still to come
    except OSError as error:
        listener.close()
        raise SettingsError([not_listening(error, "PHONEAGENT_HOST", "PHONEAGENT_PORT", host, port)]) from None
    return listener


def not_listening(error: OSError, host_from: str, port_from: str, host: str, port: int) -> str:
    """Why nobody can listen there. `host_from` and `port_from` are where the two can be changed."""
    match error.errno:
        case errno.EADDRINUSE:
            return f"{port_from}: {host} port {port} is in use by another program"
        case errno.EACCES:
            return f"{port_from}: port {port} is for root only"
        case _:  # what the error says may be a sentence of asyncio's around what the system says
            reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
            return f"{host_from}: {host} is no address of this machine to listen on: {reason}"
