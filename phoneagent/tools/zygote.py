"""The process of which the workers are copies: it has the tools' files imported, so that a new one takes a moment.

Its standard input is a socket. Each byte that comes on it brings a file descriptor: the connection of a worker that is
to be forked. When the socket closes, however that happens, the workers are killed.

What a tool starts may leave its worker's process group, as a daemon does. It is killed all the same: on Linux, what a
dead worker leaves behind becomes a child of this process.
"""

from __future__ import annotations

import ctypes
import gc
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from phoneagent.tools.function import LocalTool
from phoneagent.tools.loading import load_tools
from phoneagent.tools.worker import work

_NICE = 10  # audio goes before tools
_PR_SET_CHILD_SUBREAPER = 36


def main(folder: str, memory_mb: int) -> None:
    """Load the tools of `folder`, say that they are, and fork until the socket closes."""
    control = socket.socket(fileno=os.dup(0))
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)  # what tools print goes where the log goes
    os.nice(_NICE)
    with suppress(OSError):  # Linux on a desktop shares processor time out among sessions, of which this is one
        Path("/proc/self/autogroup").write_text(str(_NICE))
    tools = load_tools(Path(folder)).tools
    gc.collect()
    gc.freeze()  # so that a collection in a worker leaves the pages shared that it has from here
    control.sendall(b"r")
    ended, waker = socket.socketpair()  # is readable when a child has ended
    waker.setblocking(False)
    _adopt()
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    workers: set[int] = set()
    while True:
        ready, _, _ = select.select([control, ended], [], [])
        if ended in ready:
            ended.recv(4096)
            _kill(_children() - workers)
        if control not in ready:
            continue
        _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not descriptors:
            break
        workers -= _reaped()
        if (worker := os.fork()) == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for ours in (control, ended, waker):
                ours.close()
            _be_worker(descriptors[0], tools, memory_mb)
        workers.add(worker)
        os.close(descriptors[0])
    _kill(workers - _reaped())
    while left := _children():
        _kill(left)
        os.waitpid(-1, 0)


def _adopt() -> None:
    """Become the parent of what is left behind by processes that end below this one."""
    with suppress(OSError, AttributeError):  # only Linux has it
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _children() -> set[int]:
    """The processes below this one; none where the system doesn't say."""
    with suppress(OSError):
        return set(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))
    return set()


def _kill(processes: Iterable[int]) -> None:
    for process in processes:
        for kill in (os.kill, os.killpg):
            with suppress(ProcessLookupError, PermissionError):
                kill(process, signal.SIGKILL)


def _reaped() -> set[int]:
    """The children that have ended since this was last asked.

    Only asked when a new worker is wanted: until then the process ids of the dead can't be anybody else's.
    """
    ended = set()
    with suppress(ChildProcessError):
        while (child := os.waitpid(-1, os.WNOHANG)[0]) != 0:
            ended.add(child)
    return ended


def _be_worker(descriptor: int, tools: Mapping[str, LocalTool], memory_mb: int) -> None:
    try:
        os.setpgid(0, 0)  # what a tool starts is killed with it
        _adopt()  # what leaves the group is to be left behind by this worker, and by no other process
        work(socket.socket(fileno=descriptor), tools, memory_mb)
    except (BrokenPipeError, ConnectionResetError):  # given up meanwhile
        pass
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(0)  # threads that a tool has left behind must not hold it back
