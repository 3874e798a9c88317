"""A PostgreSQL server of the tests' own: in a temporary folder, on a socket there, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_WITHIN_S = 30.0


def program(name: str) -> str | None:
    """Where a program of PostgreSQL's is: on the PATH, or where Debian puts it, the newest version first."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return shutil.which(name) or (str(debian[0]) if debian else None)


class Server:
    """A server that can be stopped and started again. `address` is without a database's name: see `server`."""

    def __init__(self, folder: Path) -> None:
        """Raises FileNotFoundError if PostgreSQL is not installed."""
        initdb, postgres = program("initdb"), program("postgres")
        if initdb is None or postgres is None:
            raise FileNotFoundError("PostgreSQL is not installed: apt-get install postgresql")
        self.address = f"postgresql://test@/{{}}?host={folder}"
        self._folder = folder
        self._postgres = postgres
        self._as_somebody: dict[str, Any] = {"cwd": folder} | (_somebody_else(folder) if os.geteuid() == 0 else {})
        self._process: subprocess.Popen[bytes] | None = None
        subprocess.run(
            [initdb, "-D", folder / "data", "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
            check=True, capture_output=True, **self._as_somebody,
        )  # fmt: skip

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(
            [self._postgres, "-D", self._folder / "data", "-k", self._folder, "-c", "listen_addresses=", "-F"],
            stdout=subprocess.DEVNULL, stderr=(self._folder / "log").open("w"), **self._as_somebody,
        )  # fmt: skip
        _wait_until_ready(self._process, self._folder)

    def stop(self) -> None:
        """Stop it; who is connected loses their connection."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)  # at once, as in a crash
            self._process.wait(30)
            self._process = None


@contextmanager
def a_server() -> Iterator[Server]:
    """A server that runs. Raises FileNotFoundError."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path has 107 characters at most
    try:
        server = Server(folder)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def server() -> Iterator[str]:
    """The address of a server, without a database's name: `postgresql://test@/{}?host=…`.

    Raises FileNotFoundError if PostgreSQL is not installed.
    """
    with a_server() as one:
        yield one.address


def _somebody_else(folder: Path) -> dict[str, Any]:
    """For a program that refuses to run as root: another user, whose the folder becomes."""
    names = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    uid = names.get("postgres", names.get("nobody", 65534))
    os.chown(folder, uid, uid)
    return {"user": uid, "group": uid, "extra_groups": []}


def _wait_until_ready(process: subprocess.Popen[bytes], folder: Path) -> None:
    give_up = time.monotonic() + START_WITHIN_S
    pid_file = folder / "data" / "postmaster.pid"
    while not (pid_file.exists() and "ready" in pid_file.read_text()):
        if process.poll() is not None or time.monotonic() > give_up:
            raise RuntimeError(f"PostgreSQL did not start: {(folder / 'log').read_text()}")
        time.sleep(0.02)
