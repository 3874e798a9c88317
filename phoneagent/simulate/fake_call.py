"""One call of the fake phone: follows the TwiML from the webhook to the end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping

from phoneagent.simulate.caller import CallerSide
from phoneagent.simulate.carrier import Carrier, WebhookError
from phoneagent.simulate.line import Line, PhoneLine, StreamIdentity
from phoneagent.simulate.network import DelayedLine, Network
from phoneagent.simulate.record import CallRecord, Outcome
from phoneagent.simulate.stream import MediaStreamClient, StreamError
from phoneagent.simulate.twiml import (
    ConnectStream,
    Dial,
    Hangup,
    Other,
    Pause,
    Redirect,
    Reject,
    Speak,
    TwimlError,
    Verb,
    read_twiml,
)

_MOST_DOCUMENTS = 20  # a <Redirect> to itself must end some day
_PLACES = [f"{side}{what}" for side in ("From", "To") for what in ("City", "State", "Zip", "Country")]


class FakeCall:
    """A call in progress, begun by `FakePhone.dial`. `record` grows as the call goes on."""

    def __init__(
        self,
        carrier: Carrier,
        side: CallerSide,
        *,
        to: str,
        caller: str,
        account_sid: str,
        fields: Mapping[str, str],
        network: Network | None,
        record: bool,
        max_s: float,
        rng: random.Random,
        clock: Callable[[], float],
    ) -> None:
        call_sid = f"CA{rng.getrandbits(128):032x}"
        self.record = CallRecord(call_sid, side, began_at=clock())
        self._carrier = carrier
        self._account_sid = account_sid
        self._fields = {
            "CallSid": call_sid,
            "AccountSid": account_sid,
            "From": caller,
            "To": to,
            "Caller": caller,
            "Called": to,
            "Direction": "inbound",
            "ApiVersion": "2010-04-01",
            **dict.fromkeys(_PLACES, ""),  # empty fields are signed, too
            **fields,
        }
        self._network = network
        self._keep_audio = record
        self._max_s = max_s
        self._rng = rng
        self._clock = clock
        self._stream: MediaStreamClient | None = None
        self._watchers: list[tuple[Callable[[CallRecord], object], asyncio.Future[None]]] = []
        self._task = asyncio.create_task(self._run())

    async def ended(self) -> CallRecord:
        """Wait for the end of the call; its record."""
        await asyncio.shield(self._task)
        return self.record

    async def until(self, condition: Callable[[CallRecord], object], timeout_s: float = 10.0) -> CallRecord:
        """Wait until something is true of the record. Raises TimeoutError."""
        if not condition(self.record):
            watcher = (condition, asyncio.get_running_loop().create_future())
            self._watchers.append(watcher)
            try:
                await asyncio.wait_for(watcher[1], timeout_s)
            finally:
                self._watchers.remove(watcher)
        return self.record

    def hang_up(self) -> None:
        """Put the receiver down now, whatever the script says."""
        if self._stream is not None:
            self._stream.hang_up()

    def abandon(self) -> None:
        """Drop the call, wherever it is."""
        self._task.cancel()

    async def _run(self) -> None:
        record = self.record
        try:
            record.outcome = await self._follow_documents()
        except (WebhookError, TwimlError) as error:
            record.problems.append(str(error))
            record.outcome = "failed"
        except asyncio.CancelledError:
            record.outcome = "dropped"
            if self._stream is not None:
                self._stream.drop()
        finally:
            record.ended_at = self._clock()
            record.problems += record.caller.notes
            for line in record.streams:
                record.problems += [f"{warning.code}: {warning.reason}" for warning in line.warnings]
            self._changed()

    async def _follow_documents(self) -> Outcome:
        verbs = await self._fetch(self._carrier.public("/incoming"), "POST", "ringing")
        for _ in range(_MOST_DOCUMENTS):
            following = await self._follow(verbs)
            if isinstance(following, str):
                return following
            verbs = await self._fetch(*following, "in-progress")
        raise TwimlError(f"more than {_MOST_DOCUMENTS} documents followed on one another")

    async def _fetch(self, url: str, method: str, call_status: str) -> list[Verb]:
        status, text = await self._carrier.fetch(url, method, {**self._fields, "CallStatus": call_status})
        self.record.requests.append((url, status))
        if status != 200:
            hint = (
                ": it takes signed requests only, so TWILIO_AUTH_TOKEN must be the service's" if status == 403 else ""
            )
            raise WebhookError(f"11200: {url} answered with HTTP {status}{hint}")
        return read_twiml(text, url)

    async def _follow(self, verbs: list[Verb]) -> Outcome | tuple[str, str]:
        """Do what a document says: how the call ended, or URL and method of the document to go on with."""
        for verb in verbs:
            match verb:
                case ConnectStream():
                    if (outcome := await self._connect_stream(verb)) is not None:
                        return outcome
                    if verb.action is not None:
                        return verb.action, verb.method
                case Speak(text):  # takes no time here
                    self.record.said.append(text)
                case Pause(seconds):
                    await asyncio.sleep(seconds)
                case Redirect(url, method):
                    return url, method
                case Reject(reason):
                    self.record.problems.append(f"the service refused the call: {reason}")
                    return "rejected"
                case Dial(numbers):
                    self.record.dialled = numbers
                    return "transferred"
                case Hangup():
                    break
                case Other(name):
                    self.record.problems.append(f"<{name}> means nothing to the simulated phone: skipped")
        return "agent hung up" if self.record.streams or self.record.said else "failed"

    async def _connect_stream(self, verb: ConnectStream) -> Outcome | None:
        """Stream until one side ends it. None: the service did, and the document goes on."""
        identity = StreamIdentity(
            self._account_sid, self.record.call_sid, f"MZ{self._rng.getrandbits(128):032x}", verb.parameters
        )
        phone_line = PhoneLine(identity, self.record.caller, record=self._keep_audio)
        line: Line = phone_line
        if self._network is not None:
            line = DelayedLine(phone_line, self._network, self._rng)
        self._stream = MediaStreamClient(line, self._clock, self._changed)
        url, headers = self._carrier.upgrade(verb.url)
        self.record.streams.append(phone_line)
        try:
            await self._stream.connect(url, headers)
        except StreamError as error:
            self.record.streams.pop()
            self.record.problems.append(str(error))
            return None
        limit = asyncio.get_running_loop().call_later(self._max_s, self._give_up)
        await self._stream.closed
        limit.cancel()
        phone_line.cut(self._clock())
        if phone_line.ended is None:
            return None
        return "dropped" if phone_line.ended == "dropped" else "caller hung up"

    def _give_up(self) -> None:
        self.record.problems.append(f"the call was still running after {self._max_s:g} s")
        self.hang_up()

    def _changed(self) -> None:
        for condition, future in self._watchers:
            if not future.done() and condition(self.record):
                future.set_result(None)
