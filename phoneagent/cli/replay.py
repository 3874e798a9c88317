"""`phoneagent replay`: a call once more, from its event log."""

from __future__ import annotations

import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from phoneagent import __version__
from phoneagent.cli.calls import call_of
from phoneagent.cli.kept import run, with_store
from phoneagent.settings import load

if TYPE_CHECKING:
    from phoneagent.records.replay import Replayed

TEST = '''"""A call of the agent {agent} as it was. When it is to go otherwise: `phoneagent replay {log} --accept`."""

from pathlib import Path

from phoneagent.records.replay import replay


def test_the_call_goes_as_it_went() -> None:
    replayed = replay(Path(__file__).with_name("{log}"))
    assert replayed.difference is None, f"\\n{{replayed.difference}}"
'''


@click.command()
@click.argument("call", metavar="CALL|FILE")
@click.option("--accept", "accepted", is_flag=True, help="Write FILE anew, with what the bridge answers now.")
@click.option(
    "--to-test", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Make a test of it for pytest."
)
def replay(call: str, accepted: bool, to_test: Path | None) -> None:
    """Have a call happen again, and compare what the bridge answers with what it answered then.

    For calls of agents with `event_log: on`. The exit code is 0 if all is the same, else 1: docs/testing.md.

    \b
    Example: phoneagent replay 9f86d0 --to-test tests/test_odd_barge_in.py
    """
    from phoneagent.records.replay import accept
    from phoneagent.records.replay import replay as replay_log
    from phoneagent.store.event_logs import EventLogError

    is_file = Path(call).is_file()
    if accepted and not is_file:
        raise click.UsageError("--accept writes a FILE anew; a call's own log stays as it is")
    path = Path(call) if is_file else _log_of(call)
    try:
        replayed = replay_log(path)
        click.echo(_told(replayed))
        if accepted and replayed.difference is not None:
            accept(path, path)
            click.echo(f"{path} has the new answers now.")
    except (EventLogError, OSError) as error:
        raise click.ClickException(str(error)) from None
    if to_test is not None:
        _write_test(to_test, path, replayed.head.agent.name)
    sys.exit(1 if replayed.difference is not None and not accepted else 0)


def _log_of(call: str) -> Path:
    from phoneagent.store.event_logs import event_log

    found = run(with_store(partial(call_of, wanted=call, what="call and no file")))
    path = event_log(load().data / "events", found.row.id, found.row.began)
    if path is None:
        raise click.ClickException(
            f"the call has no event log: {found.row.agent} needs `event_log: on` in its file before it is called"
        )
    return path


def _write_test(to: Path, path: Path, agent: str) -> None:
    log = to.with_suffix("".join(path.suffixes))
    for taken in (to, log):
        if taken.exists():
            raise click.ClickException(f"{taken} exists already")
    try:
        shutil.copyfile(path, log)
        to.write_text(TEST.format(agent=agent, log=log.name), encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{error.filename} can't be written: {error.strerror}") from None
    click.echo(f"{to} replays {log}.")


def _told(replayed: Replayed) -> str:
    head, difference = replayed.head, replayed.difference
    if difference is None:
        return f"The same: {replayed.steps} steps of call {head.call_id}, agent {head.agent.name}."
    shown = [f"Call {head.call_id}, agent {head.agent.name}: at step {difference.number} the bridge answers otherwise."]
    if head.version != __version__:
        shown.append(f"The call was held by phoneagent {head.version}, this is {__version__}.")
    return "\n".join([*shown, str(difference)])
