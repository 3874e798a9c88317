"""This machine: settings, data folder, disk, SQLite, clock."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from phoneagent.ops.examination import Fix, Patient, Result, failed, not_checked, ok, warning

_SQLITE = (3, 35)  # RETURNING, which the store uses
_DISK_FULL, _DISK_LOW = 100 * 2**20, 2**30  # bytes
_CLOCK_S = 5.0


async def settings(patient: Patient) -> Result:
    """Whether what a telephone call needs is set; that each value is right, other checks tell."""
    given = patient.settings
    if given.public_url is None:
        return warning(
            f"engine {given.engine}; PHONEAGENT_PUBLIC_URL is not set, so no telephone call comes here",
            "set it, or run `phoneagent dev`; docs/ngrok.md shows how",
        )
    if given.twilio_auth_token is None:
        return warning(
            f"engine {given.engine}; TWILIO_AUTH_TOKEN is not set, so only this machine is served",
            "copy it from the Twilio console",
        )
    return ok(f"engine {given.engine}, public URL {given.public_url}")


async def data_folder(patient: Patient) -> Result:
    """Whether calls can leave something behind."""
    folder = patient.settings.data.absolute()

    async def create() -> None:
        folder.mkdir(parents=True)

    if not folder.exists():
        return warning(f"there is no folder {folder}", "create it", Fix(f"Create {folder}?", create))
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return failed(f"{folder} can't be written to", "give this user the right to, or set PHONEAGENT_DATA")
    return ok(f"{folder} can be written to")


async def disk_space(patient: Patient) -> Result:
    """Room for what calls leave behind."""
    folder = _existing(patient.settings.data.absolute())
    free = shutil.disk_usage(folder).free
    found = f"{free / 2**30:.1f} GiB free at {folder}"
    if free < _DISK_LOW:
        judge = failed if free < _DISK_FULL else warning
        return judge(found, "make room, or set PHONEAGENT_DATA to another disk")
    return ok(found)


async def sqlite(patient: Patient) -> Result:
    """Whether the database can be what the store needs it to be, on the disk where it will lie."""
    if (patient.settings.database_url or "").startswith("postgresql"):
        return not_checked("records are kept in PostgreSQL")
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < _SQLITE:
        return failed(f"version {version}, at least {'.'.join(map(str, _SQLITE))} is needed", "use a newer Python")
    folder = _existing(patient.settings.data.absolute())
    try:
        with tempfile.TemporaryDirectory(dir=folder) as place, closing(sqlite3.connect(Path(place, "x.db"))) as db:
            mode = db.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    except (OSError, sqlite3.Error) as error:
        return failed(f"version {version}, but no database can be made in {folder}: {error}", "see the data folder")
    if mode != "wal":
        return warning(f"version {version}, but {folder} allows no WAL", "do not use a network disk for it")
    return ok(f"version {version}, with WAL in {folder}")


async def clock(patient: Patient) -> Result:
    """This machine's time against Twilio's, by the Date of an answer, which has whole seconds."""
    url = patient.settings.twilio_api_url
    before = patient.clock()
    try:
        date = (await patient.http.head(url)).headers["Date"]
    except (httpx.HTTPError, KeyError) as error:
        return not_checked(f"{url} said no time: {type(error).__name__}")
    off_s = (before + patient.clock()) / 2 - (parsedate_to_datetime(date).timestamp() + 0.5)
    if abs(off_s) > _CLOCK_S:
        where = "ahead" if off_s > 0 else "behind"
        return warning(f"{abs(off_s):.0f} s {where} of Twilio's", "set the clock, and let NTP keep it")
    return ok("within a few seconds of Twilio's")


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())
