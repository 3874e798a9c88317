"""Recordings of calls: the caller left, right what they heard, written beside the call by a thread of its own."""

from __future__ import annotations

import asyncio
import audioop
import fcntl
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
from phoneagent.store.blobs import day_folder

log = logging.getLogger(__name__)

Format = Literal["wav", "flac", "opus"]

WRITE_EVERY_S = 2.0
MOST_WAITING = 10_000  # events and commands of one call, some two minutes of it, that the disk may be behind
_CONTAINERS = {"flac": ("FLAC", "PCM_16"), "opus": ("OGG", "OPUS")}  # libsndfile's names: container, coding
_BLOCK = 60 * RATE
_UNFINISHED = ".part.wav"
_FINISHED = (".wav", ".flac", ".opus")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording that is over. `name` is that of its file below the recorder's folder, `at_s` when it began on the
    call's clock.

    `problem`: what is wrong with it, if anything: it ends before its call did, or is not in the format it should have.
    """

    call_id: str
    path: Path
    name: str
    at_s: float
    duration_s: float
    size: int
    sha256: str
    problem: str | None = None


Finished = Callable[[Recorded], None]


def _untold(recorded: Recorded) -> None:
    """Nobody wants to know."""


class Recorder:
    """Records calls into files `<folder>/<year>/<month>/<day>/<call>.<format>` that only their owner may read.

    While a call lasts its file is `<call>.<ms>.part.wav`, by when it began on the call's clock. Its header is right
    after each block, every two seconds: what a killed process leaves is playable, and ends some five seconds before
    that. It is synced to disk once, at its end; what the machine's own end loses is the kernel's choice. One thread
    writes all of them, so that a disk that is slow or full costs recordings, and no call a frame; another brings those
    that are over into their format, one by one.
    """

    def __init__(self, folder: Path, format: Format = "wav", clock: Callable[[], float] = time.monotonic) -> None:
        """`format` is that of the files once their calls are over. `clock`: the one that the calls run by, seconds."""
        self._folder = folder
        self._format = format
        self._clock = clock
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recordings")
        self._sealer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="finished-recordings")
        self._open: set[Recording] = set()
        self._finishing: asyncio.Task[None] | None = None
        self._closing = False

    def start(self, finished: Finished = _untold) -> None:
        """Begin to finish what killed processes have left, and tell `finished` of it; what another process still
        records is let alone."""
        self._finishing = asyncio.create_task(self._finish_left_over(finished))

    def record(self, call_id: str, began: datetime, at_s: float = 0.0, finished: Finished = _untold) -> Recording:
        """Record a call from now on, which is `at_s` on its clock. `began` only names its folder, `call_id` its file.
        `finished` is told what came of it, unless that is nothing."""

        def over(task: asyncio.Task[Recorded | None]) -> None:
            self._open.discard(recording)
            if not task.cancelled() and (recorded := task.result()) is not None:
                finished(recorded)

        day = self._folder / day_folder(began)
        recording = Recording(call_id, day, at_s, self._writer, self._seal, over, self._clock)
        self._open.add(recording)
        return recording

    async def close(self) -> None:
        """End the recordings that are not over, and let the threads end."""
        self._closing = True
        await asyncio.gather(*(recording.end() for recording in self._open))
        if self._finishing is not None:
            await self._finishing
        await asyncio.to_thread(self._writer.shutdown)
        await asyncio.to_thread(self._sealer.shutdown)

    async def _seal(self, path: Path, problem: str | None = None) -> Recorded | None:
        """Finish a file; if it can't be converted, as a WAV."""
        call_id = _call_and_time(path)[0]
        run = asyncio.get_running_loop().run_in_executor
        try:
            try:
                recorded = await run(self._sealer, seal, path, self._folder, self._format, problem)
            except OSError as error:
                log.error("recording stays a WAV", extra={"call_id": call_id, "reason": str(error)})
                recorded = await run(self._sealer, seal, path, self._folder, self._format, problem or str(error))
        except OSError as error:
            log.error("recording can't be finished", extra={"call_id": call_id, "reason": str(error)})
            return None
        fields = {"call_id": call_id, "file": recorded.name, "sha256": recorded.sha256}
        log.info("call recorded", extra=fields | {"seconds": round(recorded.duration_s, 1)})
        return recorded

    async def _finish_left_over(self, finished: Finished) -> None:
        run = asyncio.get_running_loop().run_in_executor
        for path in await run(self._sealer, _unfinished, self._folder):
            if self._closing or (lock := await run(self._sealer, _lock, path)) is None:
                continue
            try:
                recorded = await self._seal(path)
            finally:
                os.close(lock)
            if recorded is not None:
                finished(recorded)


class Recording:
    """The recording of one call. Used on the event loop; its methods take no time."""

    def __init__(
        self,
        call_id: str,
        day: Path,
        at_s: float,
        writer: ThreadPoolExecutor,
        seal: Callable[[Path, str | None], Awaitable[Recorded | None]],
        over: Callable[[asyncio.Task[Recorded | None]], None],
        clock: Callable[[], float],
    ) -> None:
        self._call_id = call_id
        self._day = day
        self._at_s = at_s
        self._writer = writer
        self._seal = seal
        self._when_over = over
        self._clock = clock
        self._tape = Tape(clock())
        self._waiting: deque[tuple[float, Event | Command | Callable[[float], None]]] = deque()
        self._file: _WavFile | None = None
        self._path: Path | None = None
        self._problem: str | None = None
        self._telling = True  # until its end, or a problem
        self._ending: asyncio.Task[Recorded | None] | None = None
        self._writing = asyncio.create_task(self._keep_writing())

    def note(self, what: Event | Command | Callable[[float], None]) -> None:
        """Tell what came from the leg, or was sent to it, when it did; what has no sound is of no matter."""
        if self._telling:
            self._waiting.append((self._clock(), what))
            if len(self._waiting) > MOST_WAITING:
                self._give_up("the disk does not keep up")

    def pause(self, before_s: float = 0.0) -> None:
        """Keep silence in place of both sides from `before_s` ago, two seconds at most, until `resume`."""
        self.note(lambda now: self._tape.pause(now - before_s))

    def resume(self) -> None:
        """Keep both sides again."""
        self.note(self._tape.resume)

    def end(self) -> asyncio.Task[Recorded | None]:
        """Finish the file, and bring it into its format. The result is None if there could not be any."""
        self._telling = False
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(self._clock()))
            self._ending.add_done_callback(self._when_over)
        return self._ending

    async def _end(self, now: float) -> Recorded | None:
        self._writing.cancel()
        await asyncio.get_running_loop().run_in_executor(self._writer, self._finish, now)
        if self._file is None or self._path is None:
            return None
        try:
            return await self._seal(self._path, self._problem)
        finally:
            self._file.unlock()

    async def _keep_writing(self) -> None:
        loop = asyncio.get_running_loop()
        while self._problem is None:
            await loop.run_in_executor(self._writer, self._write, self._tape.take, self._clock())
            await asyncio.sleep(WRITE_EVERY_S)

    def _give_up(self, reason: str) -> None:
        self._problem, self._telling = reason, False
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
        frames: list[tuple[float, str]] = []
        while self._waiting:
            now, what = self._waiting.popleft()
            if type(what) is on.CallerAudio:
                frames.append((now, what.audio))
                continue
            tape.frames(frames)
            frames.clear()
            match what:
                case do.PlayAudio(audio):
                    tape.play(audio, now)
                case do.SendMark(mark):
                    tape.mark(mark, now)
                case on.MarkReached(mark):
                    tape.reached(mark, now)
                case do.ClearPlayout():
                    tape.clear(now)
                case on.StreamEnded() | on.StreamStarted():  # a new stream may come before the old one's end
                    tape.gone(now)
                case _ if callable(what):
                    what(now)
        tape.frames(frames)

    def _open(self) -> _WavFile:
        self._day.mkdir(parents=True, exist_ok=True, mode=0o700)
        for number in count(1):  # a process that was killed may have recorded the same call
            name = self._call_id if number == 1 else f"{self._call_id}-{number}"
            if any((self._day / f"{name}{suffix}").exists() for suffix in _FINISHED):
                continue
            path = self._day / f"{name}.{round(self._at_s * 1000)}{_UNFINISHED}"
            with suppress(FileExistsError):
                file = _WavFile(path)
                self._path = path
                return file
        raise AssertionError


class _WavFile:
    """A stereo WAV of 16-bit samples that can be played at any moment. Every method raises OSError.

    It is locked from its first moment on, also when it is closed, until `unlock`: whoever can lock it may finish it.
    """

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")
        with suppress(OSError):  # not every file system has locks
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._lock = os.dup(self._file.fileno())
        self._wave = wave.open(self._file, "wb")  # noqa: SIM115 -- `close` closes it
        self._wave.setnchannels(2)
        self._wave.setsampwidth(2)
        self._wave.setframerate(RATE)
        try:
            self.write(b"")
        except OSError:
            with suppress(OSError):
                self.close(sync=False)
            self.unlock()
            path.unlink()
            raise

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

    def unlock(self) -> None:
        """Leave it to others."""
        os.close(self._lock)


def _unfinished(folder: Path) -> list[Path]:
    return sorted(folder.rglob(f"*{_UNFINISHED}"))


def _call_and_time(path: Path) -> tuple[str, float]:
    """The call of an unfinished recording, and when it begins on the call's clock."""
    name, _, at_ms = path.name.removesuffix(_UNFINISHED).partition(".")
    return name.partition("-")[0], int(at_ms) / 1000 if at_ms.isdecimal() else 0.0


def _lock(path: Path) -> int | None:
    """The lock of an unfinished recording, to be closed; None if a process has it that still records."""
    with suppress(OSError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.dup(file.fileno())
    return None


def seal(wav: Path, folder: Path, format: Format = "wav", problem: str | None = None) -> Recorded:
    """Bring an unfinished WAV below `folder` into its format, and say what it is; one that a killed process left, too.

    One with a problem stays a WAV: there may be no room for another file. For each hour of a call FLAC takes a second
    of a core, Opus some 40. Raises OSError.
    """
    try:
        with wave.open(str(wav)) as file:
            duration_s = file.getnframes() / file.getframerate()
    except (wave.Error, EOFError) as error:
        raise OSError(f"{wav} is no WAV file: {error}") from error
    call_id, at_s = _call_and_time(wav)
    path = wav.with_name(wav.name.removesuffix(_UNFINISHED).partition(".")[0])
    as_it_is = format == "wav" or problem is not None
    path = wav.rename(f"{path}.wav") if as_it_is else _convert(wav, path, format)
    with path.open("rb") as written:
        sha256 = hashlib.file_digest(written, "sha256").hexdigest()
    name = str(path.relative_to(folder))
    return Recorded(call_id, path, name, at_s, duration_s, path.stat().st_size, sha256, problem)


def _convert(wav: Path, name: Path, format: Format) -> Path:
    """The recording in another format, in place of the WAV; `name` is that of the file, without its suffix."""
    import soundfile  # type: ignore[import-untyped]  # a library of C that nobody needs who keeps WAVs

    container, coding = _CONTAINERS[format]
    unfinished, path = Path(f"{name}.part"), Path(f"{name}.{format}")
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
