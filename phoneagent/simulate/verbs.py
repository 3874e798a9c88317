"""What the verbs of a document do to the call that follows it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from phoneagent.simulate.carrier import WebhookError
from phoneagent.simulate.line import Line, PhoneLine, StreamIdentity
from phoneagent.simulate.network import DelayedLine
from phoneagent.simulate.party import Doing, Ended, Held, Keys, Words
from phoneagent.simulate.stream import MediaStreamClient, StreamError
from phoneagent.simulate.twiml import (
    ConnectStream,
    Dial,
    DialNumber,
    Gather,
    Hangup,
    Inline,
    Next,
    Other,
    Pause,
    Play,
    Redirect,
    Reject,
    Speak,
    TwimlError,
    Verb,
    read_twiml,
)

if TYPE_CHECKING:
    from phoneagent.simulate.fake_call import FakeCall

_PAUSE_OF_W_S = 0.5
_CONFIDENCE = "0.9"


class Verbs:
    """Does what documents say, for one call."""

    def __init__(self, call: FakeCall) -> None:
        self._call = call
        self._record = call.record

    async def follow(self, doing: Doing) -> Doing | Ended:
        """Carry out a document to its end: what to go on with. Raises WebhookError, TwimlError."""
        match doing:
            case Held(over):
                try:
                    await over.wait()
                finally:
                    over.set()  # whoever leaves, the other side is told
                return Ended("agent hung up")
            case Inline(twiml):
                verbs = self._read(twiml, None)
            case Next():
                try:
                    verbs = await self._fetch(doing)
                except (WebhookError, TwimlError) as error:
                    if doing is not self._call.first or not self._call.fallback:
                        raise
                    self._record.problems.append(str(error))
                    reason = {"ErrorCode": str(error).partition(":")[0], "ErrorUrl": doing.url}
                    verbs = await self._fetch(Next(self._call.fallback, "POST", reason))
        return await self._obey(verbs)

    async def _fetch(self, document: Next) -> list[Verb]:
        call, url = self._call, document.url
        self._silence()
        fields = {**call.fields, "CallStatus": call.status, **document.fields}
        status, text = await call.carrier.fetch(url, document.method, fields)
        self._record.requests.append((url, status))
        if status != 200:
            hint = (
                ": it takes signed requests only, so TWILIO_AUTH_TOKEN must be the service's" if status == 403 else ""
            )
            raise WebhookError(f"11200: {url} answered with HTTP {status}{hint}")
        return self._read(text, url)

    def _read(self, text: str, url: str | None) -> list[Verb]:
        self._record.documents.append(text)
        return read_twiml(text, url)

    async def _obey(self, verbs: list[Verb]) -> Doing | Ended:
        for verb in verbs:
            if not isinstance(verb, Pause | Redirect | Reject):  # these do not answer a call
                self._call.answer()
            match verb:
                case ConnectStream():
                    if (ended := await self._connect_stream(verb)) is not None:
                        return ended
                    if verb.action is not None:
                        return verb.action
                case Speak() | Play() | Pause():
                    await self._utter(verb)
                case Gather():
                    if (action := await self._gather(verb)) is not None:
                        return action
                case Redirect(to):
                    return to
                case Reject(reason):
                    self._record.problems.append(f"the service refused the call: {reason}")
                    return Ended("rejected", "busy" if reason == "busy" else "no-answer")
                case Dial():
                    if (following := await self._dial(verb)) is not None:
                        return following
                case Hangup():
                    break
                case Other(name):
                    self._record.problems.append(f"<{name}> means nothing to the simulated phone: skipped")
        return self._at_the_end()

    def _at_the_end(self) -> Ended:
        spoken_to = [company.kind for company in self._record.company if company.kind in ("stream", "people")]
        if spoken_to and spoken_to[-1] == "people":
            return Ended("transferred")
        said_something = self._record.streams or self._record.said or self._record.dialled
        return Ended("agent hung up") if said_something else Ended("failed")

    def _silence(self) -> None:
        self._call.hears("ringing" if self._call.answered_at is None else "silence")

    async def _utter(self, verb: Speak | Play | Pause) -> None:
        pace = self._call.pace
        match verb:
            case Speak(text):
                self._call.hears("carrier")
                self._record.said.append(text)
                seconds = pace.of(pace.word_s * len(text.split()))
            case Play(url, digits):
                self._call.hears("carrier")
                if url:
                    self._record.played.append(url)
                if digits:
                    self._record.digits_heard.append(digits)
                seconds = pace.of(_PAUSE_OF_W_S * digits.lower().count("w"))
            case Pause(length):
                self._silence()
                seconds = pace.of(length)
        self._call.changed()
        if seconds:
            await asyncio.sleep(seconds)

    # <Connect><Stream>

    async def _connect_stream(self, verb: ConnectStream) -> Ended | None:
        """Stream until one side ends it. None: the service did, and the document goes on."""
        call, record = self._call, self._record
        identity = StreamIdentity(call.account_sid, call.sid, f"MZ{call.rng.getrandbits(128):032x}", verb.parameters)
        phone_line = PhoneLine(identity, record.caller, record=call.handset.record)
        line: Line = phone_line
        if call.handset.network is not None:
            line = DelayedLine(phone_line, call.handset.network, call.rng)
        stream = MediaStreamClient(line, call.clock, call.changed)
        url, headers = call.carrier.upgrade(verb.url)
        record.streams.append(phone_line)
        try:
            await stream.connect(url, headers)
        except StreamError as error:
            record.streams.pop()
            record.problems.append(str(error))
            return None
        call.stream = stream
        call.hears("stream")
        try:
            await asyncio.shield(stream.closed)
        except asyncio.CancelledError:
            if phone_line.ended is None:
                stream.drop() if call.abandoned else stream.hang_up()  # a redirect says `stop`, like a hang-up
                raise
        finally:
            call.stream = None
            ending = phone_line.ended
            phone_line.cut(call.clock())
            self._silence()
        if ending is None:
            return None
        return Ended("dropped" if ending == "dropped" else "caller hung up")

    # <Gather>

    async def _gather(self, verb: Gather) -> Next | None:
        """Ask for keys or words: the document to go on with, None if nothing came."""
        call = self._call
        call.inputs = asyncio.Queue()
        answering = asyncio.create_task(self._react())
        prompting = asyncio.create_task(self._prompt(verb))
        try:
            fields = await self._input(verb, prompting)
        finally:
            for task in (answering, prompting):
                task.cancel()
        if fields is None and not verb.on_nothing:
            return None
        return replace(verb.action, fields=fields or {"Digits": ""})

    async def _react(self) -> None:
        if (reaction := self._call.handset.gather) is not None:
            await asyncio.sleep(self._call.pace.of(reaction.after_s))
            self._call.inputs.put_nowait(reaction)

    async def _prompt(self, verb: Gather) -> None:
        for one in verb.prompt:
            await self._utter(one)

    async def _input(self, verb: Gather, prompting: asyncio.Task[None]) -> dict[str, str] | None:
        """The fields that tell what came. Whatever comes ends the prompt; then, or after it, `timeout_s` runs."""
        pressed = ""
        while True:
            getting = asyncio.create_task(self._call.inputs.get())
            try:
                if not pressed:
                    await asyncio.wait({getting, prompting}, return_when=asyncio.FIRST_COMPLETED)
                something = await asyncio.wait_for(getting, self._call.pace.of(verb.timeout_s))
            except TimeoutError:
                return {"Digits": pressed} if pressed else None
            finally:
                getting.cancel()
            match something:
                case Words(words) if verb.speech:
                    return {"SpeechResult": words, "Confidence": _CONFIDENCE}
                case Keys(keys) if verb.keys:
                    prompting.cancel()
                    for key in keys:
                        if key in verb.finish_on:
                            return {"Digits": pressed, "FinishedOnKey": key}
                        pressed += key
                        if len(pressed) == verb.most_keys:
                            return {"Digits": pressed}

    # <Dial>

    async def _dial(self, verb: Dial) -> Doing | Ended | None:
        to = verb.to.number if isinstance(verb.to, DialNumber) else verb.to.name
        self._record.dialled = (*self._record.dialled, to)
        if self._call.exchange is None:
            return Ended("transferred")
        try:
            fields = await self._call.exchange.connect(self._call, verb)
        finally:
            self._silence()
        return replace(verb.action, fields=fields) if verb.action is not None else None
