"""The service without records, `python -m bench.unkept serve`: what keeping them costs is the difference to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from phoneagent import app
from phoneagent.cli import main
from phoneagent.core.records import Entry
from phoneagent.core.redaction import Redactor
from phoneagent.keeping import Keeping
from phoneagent.store.behind import Backlog


@asynccontextmanager
async def nothing_kept(*_: object) -> AsyncIterator[Keeping]:
    """Takes what is to be kept, and forgets it."""
    yield Keeping("", _forget, lambda: Backlog(0, None, 0))


def _forget(entry: Entry, redactor: Redactor | None = None) -> None:
    pass


if __name__ == "__main__":
    app.keeping = nothing_kept  # type: ignore[attr-defined]
    main()
