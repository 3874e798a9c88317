"""Logging: one line per event, each with the call it belongs to, as text for people or JSON for machines.

A message is fixed text, its data are fields: `log.info("call answered", extra={"agent": agent.name})`.
What people said, who called and what opens doors is not logged in the first place; `redact` is the last
line of defence.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from phoneagent.core.redaction import Redactor

REDACTED = "[redacted]"

_call_id: ContextVar[str | None] = ContextVar("call_id", default=None)

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""Attributes that every record has; all others came with `extra`."""

_TALKATIVE = (
    *("uvicorn", "httpx", "httpcore", "httpx2", "twilio", "websockets", "watchfiles", "asyncio", "alembic"),
    *("aiosqlite", "sqlalchemy"),
)
"""Who logs addresses, frames, numbers, what goes into the database, and routine."""

_SECRET_KEY = re.compile(
    r"authorization|password|secret|api_?key|cookie|signature|(^|_)token$"
    r"|^(caller|called|from|to|phone|number|digits|text|transcript|audio|speech|heard|prompt|arguments)$",
    re.IGNORECASE,
)
_SECRET_SHAPE = re.compile(
    r"""
      \b(?:sk|ek)[-_][A-Za-z0-9_-]{8,}        # OpenAI's keys
    | \b(?:AC|SK)[0-9a-fA-F]{32}\b            # Twilio's account and key ids
    | \bwhsec_[A-Za-z0-9+/=_-]+               # webhook signing secrets
    | \bpa_[0-9a-f]{8}_[A-Za-z0-9_-]{16,}     # keys to our own API
    | \bBearer\s+[^\s'",]+
    | (?<=://)[^\s/]+(?=@)                   # user and password in an address
    | (?:(?<![\w.+-])\+|%2B)[1-9][0-9]{6,14}\b  # E.164 numbers, also in a form's encoding
    """,
    re.VERBOSE | re.IGNORECASE,
)

_ID = re.compile(r"(?:[A-Z]{2})?(?:[0-9a-f]{32}){1,2}")  # one in 800 has digits that could be a card's

_REDACTOR = Redactor()


@contextmanager
def call_context(call_id: str) -> Iterator[None]:
    """Within it, and in the tasks and callbacks begun there, each log line carries this call's id."""
    before = _call_id.set(call_id)
    try:
        yield
    finally:
        _call_id.reset(before)


def redact(value: Any) -> Any:
    """The value, with all in it replaced that looks like a key or a telephone number, or is not to be kept of calls."""
    match value:
        case str():
            text = _SECRET_SHAPE.sub(REDACTED, value)
            return text if _ID.fullmatch(text) else _REDACTOR.text(text)
        case dict():
            return {key: _field(str(key), item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [redact(item) for item in value]
        case bool() | int() | float() | None:
            return value
        case bytes() | bytearray() | memoryview():
            return f"[{len(value)} bytes]"
        case _:
            return redact(str(value))


def _field(key: str, value: Any) -> Any:
    # a number is a count or a duration, whatever it is called
    if _SECRET_KEY.search(key) and not isinstance(value, bool | int | float | None):
        return REDACTED
    return redact(value)


class _Formatter(logging.Formatter):
    """What both forms share: the fields of a record, redacted."""

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        given = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        call_id = given.pop("call_id", None) or _call_id.get()
        return ({"call_id": call_id} if call_id else {}) | {k: _field(k, v) for k, v in given.items()}

    def trouble(self, record: logging.LogRecord) -> str:
        """The traceback, if the record has one."""
        text = self.formatException(record.exc_info) if record.exc_info else record.exc_text or ""
        return str(redact(text))


class JsonFormatter(_Formatter):
    """One JSON object per line: time (UTC), level, logger, message, call_id, fields, exception."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        for key, value in self.fields(record).items():
            line.setdefault(key, value)
        if trouble := self.trouble(record):
            line["exception"] = trouble
        return json.dumps(line, ensure_ascii=False, default=str)


class HumanFormatter(_Formatter):
    """`12:03:04.567 INFO    message  call_id=5f… field=value`, a traceback below it."""

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        message = _one_line(redact(record.getMessage()))
        shown = "".join(f" {key}={_one_line(value)}" for key, value in self.fields(record).items())
        line = f"{clock}.{int(record.msecs):03d} {record.levelname:<7} {message}{shown and ' '}{shown}"
        trouble = self.trouble(record)
        return "\n".join((line, *map(_one_line, trouble.splitlines())))


def _one_line(value: object) -> str:
    """Text that cannot pretend to be another log line or steer a terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(value))


def set_up(form: Literal["human", "json"] | None = None, level: str = "info", stream: TextIO | None = None) -> None:
    """Sends all logging to `stream` (default: stderr). `form` None is human in a terminal, else JSON.

    uvicorn's warnings go the same way; our own lines say when it starts and ends, and its access log would hold
    addresses and numbers.
    Start uvicorn with `log_config=None, access_log=False`. May be called again.
    """
    stream = stream or sys.stderr
    form = form or ("human" if stream.isatty() else "json")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(HumanFormatter() if form == "human" else JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)  # uvicorn.Config may have set one
        logger.propagate = name != "uvicorn.access"
    logging.getLogger("uvicorn.access").disabled = True
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("mcp", "client"):  # both of the package mcp, whose errors quote what a server sent
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.captureWarnings(True)
