"""Recordings of calls: the caller left, right what they heard, written beside the call by a thread of its own."""

from __future__ import annotations

import asyncio
import audioop
import hashlib
import logging
import os
import time
import wave
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import BinaryIO, Literal

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.commands import Command
from phoneagent.core.events import Event
from phoneagent.core.tape import RATE, Tape

log = logging.getLogger(__name__)

Format = Literal["wav", "flac", "opus"]

WRITE_EVERY_S = 2.0
MOST_WAITING = 10_000  # events and commands of one call, some two minutes of it, that the disk may be behind
_CONTAINERS = {"flac": ("FLAC", "PCM_16"), "opus": ("OGG", "OPUS")}  # libsndfile's names: container, coding
_BLOCK = 60 * RATE


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording that is over. `name` is that of its file below the recorder's folder.

    `problem`: what is wrong with it, if anything: it ends before its call did, or is not in the format it should have.
    """

    path: Path
    name: str
    duration_s: float
    size: int
    sha256: str
    problem: str | None = None


class Recorder:
    """Records calls into files `<folder>/<year>/<month>/<day>/<call>.wav` that only their owner may read.

    While a call lasts its file is a WAV whose header is right after each block, every two seconds: what a killed
    process leaves is playable, and ends some five seconds before that. It is synced to disk once, at its end; what the
    machine's own end loses is the kernel's choice. One thread writes all of them, so that a disk that is slow or full
    costs recordings, and no call a frame; another brings those that are over into their format, one by one.
    """

    def __init__(self, folder: Path, format: Format = "wav", clock: Callable[[], float] = time.monotonic) -> None:
        """`format` is that of the files once their calls are over. `clock`: the one that the calls run by, seconds."""
        self._folder = folder
        self._format = format
        self._clock = clock
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recordings")
        self._sealer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="finished-recordings")

    def record(self, call_id: str, began: datetime) -> Recording:
        """Record a call from now on. `began` only names its folder, `call_id` its file."""
        day = self._folder / began.strftime("%Y/%m/%d")
        return Recording(call_id, day, self._writer, self._seal, self._clock)

    async def close(self) -> None:
        """Let the threads end. The recordings are to be over."""
        await asyncio.to_thread(self._writer.shutdown)
        await asyncio.to_thread(self._sealer.shutdown)

    async def _seal(self, path: Path, problem: str | None) -> Recorded:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._sealer, seal, path, self._folder, self._format, problem)


class Recording:
    """The recording of one call. Used on the event loop; no method but `end` takes any time."""

    def __init__(
        self,
        call_id: str,
        day: Path,
        writer: ThreadPoolExecutor,
        seal: Callable[[Path, str | None], Awaitable[Recorded]],
        clock: Callable[[], float],
    ) -> None:
        self._call_id = call_id
        self._day = day
        self._writer = writer
        self._seal = seal
        self._clock = clock
        self._tape = Tape(clock())
        self._waiting: deque[tuple[float, Event | Command | Callable[[float], None]]] = deque()
        self._file: _WavFile | None = None
        self._path: Path | None = None
        self._problem: str | None = None
        self._over = False
        self._writing = asyncio.create_task(self._keep_writing())

    def note(self, what: Event | Command) -> None:
        """Tell what came from the leg, or was sent to it, when it did; what has no sound is of no matter."""
        self._tell(what)

    def pause(self) -> None:
        """Keep silence in place of both sides from now on, until `resume`."""
        self._tell(self._tape.pause)

    def resume(self) -> None:
        """Keep both sides again."""
        self._tell(self._tape.resume)

    async def end(self) -> Recorded | None:
        """Finish the file, and bring it into its format. None if there could not be any."""
        self._over = True
        self._writing.cancel()
        await asyncio.get_running_loop().run_in_executor(self._writer, self._finish, self._clock())
        if self._path is None:
            return None
        try:
            return await self._seal(self._path, self._problem)
        except OSError as error:
            log.error("recording stays a WAV", extra={"call_id": self._call_id, "reason": str(error)})
            self._problem = str(error)
        try:
            return await self._seal(self._path, self._problem)
        except OSError as error:
            log.error("recording can't be read", extra={"call_id": self._call_id, "reason": str(error)})
            return None

    def _tell(self, what: Event | Command | Callable[[float], None]) -> None:
        if self._problem is None and not self._over:
            self._waiting.append((self._clock(), what))
            if len(self._waiting) > MOST_WAITING:
                self._give_up("the disk does not keep up")

    async def _keep_writing(self) -> None:
        loop = asyncio.get_running_loop()
        while self._problem is None:
            await loop.run_in_executor(self._writer, self._write, self._tape.take, self._clock())
            await asyncio.sleep(WRITE_EVERY_S)

    def _give_up(self, reason: str) -> None:
        self._problem = reason
        self._waiting.clear()
        log.error("recording given up", extra={"call_id": self._call_id, "reason": reason})

    # In the thread

    def _write(self, take: Callable[[float], bytes], now: float) -> None:
        if self._problem is not None:
            return
        try:
            if self._file is None:
                self._file = self._open()
            self._listen()
            self._file.write(audioop.ulaw2lin(take(now), 2))
        except OSError as error:
            self._give_up(str(error))
        except Exception:  # whatever it is, it is not worth a call, nor the other recordings
            log.exception("recording failed", extra={"call_id": self._call_id})
            self._give_up("a fault in the recording itself, see the log")

    def _finish(self, now: float) -> None:
        self._write(self._tape.end, now)
        if self._file is not None:
            try:
                self._file.close(sync=self._problem is None)
            except OSError as error:
                if self._problem is None:
                    self._give_up(str(error))

    def _listen(self) -> None:
        tape = self._tape
        while self._waiting:
            now, what = self._waiting.popleft()
            if type(what) is on.CallerAudio:  # first, because it is nearly all of them
                tape.caller(what.audio, now)
                continue
            match what:
                case do.PlayAudio(audio):
                    tape.play(audio, now)
                case do.SendMark(mark):
                    tape.mark(mark, now)
                case on.MarkReached(mark):
                    tape.reached(mark, now)
                case do.ClearPlayout():
                    tape.clear(now)
                case on.StreamEnded():
                    tape.gone(now)
                case _ if callable(what):
                    what(now)

    def _open(self) -> _WavFile:
        self._day.mkdir(parents=True, exist_ok=True, mode=0o700)
        for number in count(1):  # a process that was killed may have recorded the same call
            path = self._day / (f"{self._call_id}.wav" if number == 1 else f"{self._call_id}-{number}.wav")
            with suppress(FileExistsError):
                file = _WavFile(path)
                self._path = path
                return file
        raise AssertionError


class _WavFile:
    """A stereo WAV of 16-bit samples that can be played at any moment. Every method raises OSError."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")
        self._wave = wave.open(self._file, "wb")  # noqa: SIM115 -- `close` closes it
        self._wave.setnchannels(2)
        self._wave.setsampwidth(2)
        self._wave.setframerate(RATE)
        self.write(b"")

    def write(self, samples: bytes) -> None:
        """Add samples, then say so in the header."""
        self._wave.writeframes(samples)
        self._file.flush()

    def close(self, *, sync: bool) -> None:
        """Write what is left to write, and with `sync` make it last."""
        try:
            self._wave.close()
            if sync:
                os.fsync(self._file.fileno())
        finally:
            self._file.close()


def seal(wav: Path, folder: Path, format: Format = "wav", problem: str | None = None) -> Recorded:
    """Bring a finished WAV below `folder` into its format, and say what it is; one that a killed process left, too.

    One with a problem stays as it is: there may be no room for another. For each hour of a call FLAC takes a second of
    a core, Opus some 40. Raises OSError.
    """
    try:
        with wave.open(str(wav)) as file:
            duration_s = file.getnframes() / file.getframerate()
    except (wave.Error, EOFError) as error:
        raise OSError(f"{wav} is no WAV file: {error}") from error
    path = wav if format == "wav" or problem is not None else _convert(wav, format)
    with path.open("rb") as written:
        sha256 = hashlib.file_digest(written, "sha256").hexdigest()
    return Recorded(path, str(path.relative_to(folder)), duration_s, path.stat().st_size, sha256, problem)


def _convert(wav: Path, format: Format) -> Path:
    """The recording in another format, in place of the WAV."""
    import soundfile  # type: ignore[import-untyped]  # a library of C that nobody needs who keeps WAVs

    container, coding = _CONTAINERS[format]
    unfinished, path = wav.with_suffix(".part"), wav.with_suffix(f".{format}")
    try:
        file = os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600)
        try:
            with soundfile.SoundFile(str(unfinished), "w", RATE, 2, coding, format=container) as converted:
                for block in soundfile.blocks(str(wav), _BLOCK, dtype="int16"):
                    converted.write(block)
            os.fsync(file)
        finally:
            os.close(file)
        unfinished.replace(path)
    except soundfile.LibsndfileError as error:
        raise OSError(f"{wav} can't be converted: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)
    wav.unlink()
    return path
