"""How work beside the calls outlives what happens to it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from phoneagent.store.database import StoreError

log = logging.getLogger(__name__)


@contextmanager
def carrying_on(work: str) -> Iterator[None]:
    """Around one round of a work that is done again and again: no error ends the work.

    That the database is away is passed over: whoever writes to it tells of it. All else is logged.
    """
    try:
        yield
    except StoreError:
        pass
    except Exception:
        log.exception("an error of ours: the work goes on", extra={"work": work})
