"""Run the embedded engine: `python -m phoneagent.local --port 9000`."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys

from phoneagent import telemetry
from phoneagent.local.config import EngineConfig
from phoneagent.local.server import serve
from phoneagent.local.worker import WorkerError


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal comes, or until the input ends if a parent asked for that; an exit code."""
    parser = argparse.ArgumentParser(prog="python -m phoneagent.local", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument("--port", type=int, default=9000, help="0 takes a free port (default: %(default)s)")
    parser.add_argument(
        "--child", action="store_true", help="read the configuration from standard input, a line of JSON; end with it"
    )
    parser.add_argument("--log", choices=("human", "json"), help="form of the log (default: human in a terminal)")
    parser.add_argument("--log-level", default="info", help="(default: %(default)s)")
    options = parser.parse_args(arguments)
    telemetry.set_up(options.log, options.log_level)
    try:
        config = EngineConfig.from_json(sys.stdin.readline()) if options.child else EngineConfig()
    except (ValueError, TypeError, KeyError) as error:
        parser.error(f"--child: the configuration is not understood: {error!r}")
    try:
        asyncio.run(_serve(config, options.host, options.port, options.child))
    except OSError as error:
        print(f"The engine can't listen on {options.host}:{options.port}: {error.strerror}", file=sys.stderr)
        return 1
    except WorkerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def _serve(config: EngineConfig, host: str, port: int, child: bool) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if child:
        loop.add_reader(sys.stdin.fileno(), lambda: stop.set() if not os.read(sys.stdin.fileno(), 4096) else None)
    engine = await serve(config, host=host, port=port)
    print(f"http://{host}:{engine.port}/v1", flush=True)  # read by EngineProcess
    await stop.wait()
    await engine.close()


if __name__ == "__main__":
    sys.exit(main())
