"""Measures the service, and two yardsticks beside it, under the same load: `python -m bench --help`."""

from __future__ import annotations

import gc
import logging
import os
import ssl
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from statistics import median

import click
import uvloop
from rich.console import Console
from rich.table import Table

from bench import load, servers
from bench.load import Figures
from bench.watchers import watching
from phoneagent.simulate.load import percentile
from phoneagent.simulate.talking_model import TalkingModel


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--calls", "levels", type=int, multiple=True, default=(1, 10, 50, 100, 200), show_default=True)
@click.option("--server", "kinds", type=click.Choice(tuple(servers.KINDS)), multiple=True, default=servers.YARDSTICKS)
@click.option("--records", is_flag=True, help="What records cost: ours with recordings, as it is, and without any.")
@click.option("--watchers", default=0, help="What watchers cost: ours without, and with so many of them.")
@click.option("--seconds", default=10.0, show_default=True, help="How long each level is measured.")
@click.option("--repeat", default=1, show_default=True, help="How often; the servers take turns.")
@click.option("--format", "audio_format", type=click.Choice(("pcmu", "pcm")), default="pcmu", help="Of our sessions.")
@click.option("--tls", is_flag=True, help="Encrypt the model's leg, as with a real model. Needs the command `openssl`.")
def main(
    levels: Sequence[int],
    kinds: Sequence[str],
    seconds: float,
    repeat: int,
    audio_format: str,
    tls: bool,
    records: bool,
    watchers: int,
) -> None:
    """Hold many calls at once through the service and through the yardsticks, and print what that costs.

    \b
    Example: python -m bench --calls 50 --repeat 3
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = {"PHONEAGENT_REALTIME_FORMAT": audio_format}
        context = None
        if tls:
            context, certificate = _self_signed(folder)
            settings["SSL_CERT_FILE"] = str(certificate)  # which OpenSSL's default context trusts
        measured = servers.WATCHED if watchers else servers.RECORDS if records else kinds
        runs = [(calls, kind) for calls in levels for _ in range(repeat) for kind in measured]
        uvloop.run(_bench(runs, seconds, folder, settings, context, watchers))


async def _bench(
    runs: Sequence[tuple[int, str]],
    seconds: float,
    folder: Path,
    settings: dict[str, str],
    context: ssl.SSLContext | None,
    watchers: int,
) -> None:
    console = Console(width=110)  # also into a file
    server_cpu = take_cpus()
    logging.disable(logging.WARNING)  # the model goes on speaking, for a moment, to those who have hung up
    gc.disable()  # ours: a pause of the meter would be read as one of the server
    results: dict[int, dict[str, list[Figures]]] = {}
    for n, (calls, kind) in enumerate(runs, 1):
        async with (
            TalkingModel(load.TALK, ssl_context=context) as model,
            servers.started(kind, model.url, folder, server_cpu, settings) as server,
            watching(server, folder, watchers) if kind == "watched" else nullcontext(),
        ):
            figures = await load.measure(server, model, calls, seconds)
        results.setdefault(calls, {}).setdefault(kind, []).append(figures)
        gc.collect()
        if n == len(runs) or runs[n][0] != calls:
            console.print(_table(calls, results[calls]))


def take_cpus() -> int | None:
    """Keep to one core, and say which one the servers get; None where that cannot be chosen."""
    if not hasattr(os, "sched_setaffinity") or len(cpus := sorted(os.sched_getaffinity(0))) < 2:
        return None
    os.sched_setaffinity(0, {cpus[1]})
    return cpus[0]


def _self_signed(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A TLS context for 127.0.0.1, and the certificate to trust."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=bench"
    options = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    subprocess.run([*command.split(), *options], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


def _table(calls: int, results: dict[str, list[Figures]]) -> Table:
    table = Table(title=f"{calls} calls", title_justify="left", min_width=60)
    table.add_column(no_wrap=True)
    for kind in results:
        table.add_column(kind, justify="right", no_wrap=True)
    rows = [_rows(runs) for runs in results.values()]
    for name in rows[0]:
        table.add_row(name, *(row[name] for row in rows))
    if (ours := results.get("ours")) is not None:
        ratios = (f"{_cpu_ms(ours) / _cpu_ms(runs):.2f}" for runs in results.values())
        table.add_row("CPU of ours in proportion", *ratios)
    if (unkept := results.get("unkept")) is not None:
        ratios = (f"{_cpu_ms(runs) / _cpu_ms(unkept):.2f}" for runs in results.values())
        table.add_row("CPU in proportion to unkept", *ratios)
    return table


def _cpu_ms(runs: Sequence[Figures]) -> float:
    return median(run.cpu_ms for run in runs)


def _rows(runs: Sequence[Figures]) -> dict[str, str]:
    """Each figure's name and what it was: the median of several runs, or all of their pieces taken together."""
    return {
        "CPU, ms per call-second": f"{_cpu_ms(runs):.2f}",
        "memory, KB per call": f"{median(run.rss_kb for run in runs):.0f}",
        "caller to model, ms p50 / p99": _spread([ms for run in runs for ms in run.load.to_model_ms]),
        "model to caller, ms p50 / p99": _spread([ms for run in runs for ms in run.load.to_phone_ms]),
        "barge-in to clear, ms p50 / p99": _spread([ms for run in runs for ms in run.load.barge_in_ms]),
        "webhook to session.update, ms": _spread([ms for run in runs for ms in run.webhook_to_update_ms]),
        "stream start to greeting, ms": _spread([ms for run in runs for ms in run.start_to_audio_ms]),
        "frames lost": str(sum(run.lost for run in runs)),
        "frames cut off by the hang-up": str(sum(run.cut for run in runs)),
        "audio stale after a clear": str(sum(run.load.stale for run in runs)),
        "barge-ins without a clear": str(sum(run.load.missed for run in runs)),
        "calls failed": str(sum(run.failed for run in runs)),
        "sessions open 2 s after": str(sum(run.open_sessions for run in runs)),
        "the phones' and the model's core busy": f"{median(run.busy for run in runs):.0%}",
        "the phones' own delay, ms at most": f"{max(run.load.late_phone_ms for run in runs):.1f}",
    }


def _spread(values: Sequence[float]) -> str:
    return f"{percentile(values, 50):.2f} / {percentile(values, 99):.2f}" if values else "-"


if __name__ == "__main__":
    main()
