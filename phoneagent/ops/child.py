"""The service as `phoneagent dev` runs it: `python -m phoneagent.ops.child`, which ends with whoever started it."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from dataclasses import replace

import uvloop

from phoneagent import app, telemetry
from phoneagent.settings import Settings, SettingsError, load


def main(arguments: list[str] | None = None) -> int:
    """Serve with the settings of the environment, but for those given; an exit code."""
    parser = argparse.ArgumentParser(prog="python -m phoneagent.ops.child", description=__doc__)
    parser.add_argument("--public-url", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--drain-s", type=float, required=True)
    options = parser.parse_args(arguments)
    try:
        settings = replace(load(), public_url=options.public_url, port=options.port, drain_s=options.drain_s)
        telemetry.set_up(settings.log, settings.log_level)
        uvloop.run(_serve(settings))
    except SettingsError as error:
        for problem in error.problems:
            print(f"phoneagent: {problem}", file=sys.stderr)
        return 2
    return 0


async def _serve(settings: Settings) -> None:
    loop, parent = asyncio.get_running_loop(), sys.stdin.fileno()

    def said() -> None:
        if not os.read(parent, 4096):  # the other end is closed: the parent is gone
            loop.remove_reader(parent)
            os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(parent, said)
    await app.serve(settings)


if __name__ == "__main__":
    sys.exit(main())
