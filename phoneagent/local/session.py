"""One session of the Realtime protocol: the client's events in, the server's out.

OpenAI Realtime API, GA: client and server events, voice activity detection, interruption, function calls.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import orjson

from phoneagent.core.wording import words_to_say
from phoneagent.local.audio import BYTES_PER_MS
from phoneagent.local.brain import Brain, Request, say
from phoneagent.local.conversation import Conversation, Item, text_tokens
from phoneagent.local.ears import Ears, Heard, SpeechStarted, SpeechStopped, TurnHeard
from phoneagent.local.grammar import words_in
from phoneagent.local.items import message_item, parse_item
from phoneagent.local.mouth import Manner, Mouth
from phoneagent.local.protocol import Event, RealtimeError, new_id
from phoneagent.local.response import Cause, Response
from phoneagent.local.session_object import CustomVoice, ResponseRequest, Session, updated, validated

log = logging.getLogger(__name__)

SESSION_S = 60 * 60
_MIN_COMMIT_MS = 100
_MAX_AUDIO = 15 * 1024 * 1024

BrainFor = Callable[[Session], Brain]


class RealtimeSession:
    """A session with its ears, mouth and brain. `send` queues an event; `sent` waits until the queue is empty."""

    def __init__(
        self,
        model: str,
        ears: Ears,
        mouth: Mouth,
        brain_for: BrainFor,
        send: Callable[[Event], None],
        sent: Callable[[], Any],
    ) -> None:
        self._ears, self._mouth, self._brain_for = ears, mouth, brain_for
        self._send, self._sent = send, sent
        self._session = Session(
            type="realtime", id=new_id("sess"), model=model, expires_at=int(time.time()) + SESSION_S
        )
        self._conversation = Conversation()
        self._brain = brain_for(self._session)
        self._active: Response | None = None  # of the default conversation
        self._tasks: dict[Response, asyncio.Task[None]] = {}
        self._buffered_ms = 0.0  # appended and not committed
        self._speaking: str | None = None  # the item that the caller's speech will be
        self._unheard: deque[tuple[Item, asyncio.Event]] = deque()  # committed, words to come
        self._voice_used = False
        self._fixed_cached = False
        self._idle: asyncio.TimerHandle | None = None
        self._learned: set[str] = set()
        self._handlers = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": self._create_item,
            "conversation.item.truncate": self._truncate_item,
            "conversation.item.delete": self._delete_item,
            "conversation.item.retrieve": self._retrieve_item,
            "response.create": self._create_response,
            "response.cancel": self._cancel_response,
        }

    async def start(self) -> None:
        """Greet the client, in the protocol's sense."""
        self._ears.on_heard = self._heard
        self._listen()
        await self._prepare()
        self._send({"type": "session.created", "session": self._shown()})
        conversation = {"id": self._conversation.id, "object": "realtime.conversation"}
        self._send({"type": "conversation.created", "conversation": conversation})

    async def receive(self, text: str | bytes) -> None:
        """Take an event of the client; whatever is wrong with it is told to the client."""
        event_id = None
        try:
            try:
                event = orjson.loads(text)
            except orjson.JSONDecodeError as error:
                raise RealtimeError("invalid_json", "Your event could not be parsed as JSON.") from error
            if not isinstance(event, dict):
                raise RealtimeError("invalid_event", "An event must be a JSON object.")
            event_id = event.get("event_id")
            handler = self._handlers.get(event.get("type", ""))
            if handler is None:
                supported = ", ".join(f"'{name}'" for name in self._handlers)
                raise RealtimeError(
                    "invalid_value",
                    f"Invalid value: '{event.get('type')}'. Supported values are: {supported}.",
                    "type",
                )
            await handler(event)
        except RealtimeError as error:
            self._send({"type": "error", "error": {**error.as_dict(), "event_id": event_id}})

    async def close(self) -> None:
        """Stop everything that is under way."""
        self._stop_idle()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # The session

    async def _update(self, event: Event) -> None:
        new = updated(self._session, event.get("session"))
        if self._voice_used and new.audio.output.voice != self._session.audio.output.voice:
            raise RealtimeError(
                "cannot_update_voice",
                "Cannot update a conversation's voice if assistant audio is present.",
                "session.audio.output.voice",
            )
        old, self._session = self._session, new
        if new.audio.input != old.audio.input:
            self._listen()
        if (new.instructions, new.tools) != (old.instructions, old.tools):
            self._fixed_cached = False
        if new.dialogue != old.dialogue:
            self._brain = self._brain_for(new)
            self._brain.pass_over(self._conversation.answered())
            await self._prepare()
        self._send({"type": "session.updated", "session": self._shown()})

    def _shown(self) -> dict[str, Any]:
        return self._session.model_dump(mode="json", exclude={"dialogue"})

    def _listen(self) -> None:
        self._ears.configure(self._session.input_format, self._session.vad)

    async def _prepare(self) -> None:
        """Make the ears ready for what the brain can understand."""
        grammar = self._brain.expectation()
        if grammar is not None:
            words = sorted(words_in(grammar) - self._learned)
            self._learned.update(words)
            if unknown := await self._ears.unknown(words):
                self._ears.learn(await self._mouth.pronounce(unknown))
        self._ears.expect(grammar)

    # The caller's audio

    async def _append(self, event: Event) -> None:
        audio = event.get("audio")
        if not isinstance(audio, str):
            raise RealtimeError("missing_required_parameter", "Missing required parameter: 'audio'.", "audio")
        if len(audio) > _MAX_AUDIO * 4 // 3:
            raise RealtimeError("invalid_value", "Invalid 'audio': at most 15 MB per event.", "audio")
        try:
            size = len(base64.b64decode(audio, validate=True))
        except binascii.Error as error:
            message = "Invalid 'audio'. Expected base64-encoded audio bytes."
            raise RealtimeError("invalid_value", message, "audio") from error
        self._buffered_ms += size / BYTES_PER_MS[self._session.input_format]
        await self._ears.hear(audio)

    async def _commit(self, event: Event) -> None:
        if self._buffered_ms < _MIN_COMMIT_MS:
            raise RealtimeError(
                "input_audio_buffer_commit_empty",
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but "
                f"buffer only has {self._buffered_ms:.2f}ms of audio.",
            )
        self._ears.commit()
        self._add_turn()

    async def _clear(self, event: Event) -> None:
        self._ears.clear()
        self._buffered_ms = 0.0
        self._speaking = None
        self._send({"type": "input_audio_buffer.cleared"})

    def _heard(self, heard: Heard) -> None:
        vad = self._session.vad
        match heard:
            case SpeechStarted(at_ms):
                self._stop_idle()
                self._speaking = new_id("item")
                started = {"audio_start_ms": at_ms, "item_id": self._speaking}
                self._send({"type": "input_audio_buffer.speech_started", **started})
                if vad is not None and vad.interrupt_response and self._active is not None:
                    self._interrupt(self._active, "turn_detected")
            case SpeechStopped(at_ms):
                if self._speaking is None:  # cleared meanwhile
                    return
                stopped = {"audio_end_ms": at_ms, "item_id": self._speaking}
                self._send({"type": "input_audio_buffer.speech_stopped", **stopped})
                self._add_turn()
                if vad is not None and vad.create_response:
                    self._answer_turn()
            case TurnHeard() if self._unheard:
                self._take_words(heard)

    def _add_turn(self) -> None:
        """The caller's turn joins the conversation; its words are still to come."""
        content = {"type": "input_audio", "transcript": None}
        item = Item(message_item(self._speaking or new_id("item"), "user", content))
        self._speaking = None
        self._buffered_ms = 0.0
        self._unheard.append((item, asyncio.Event()))
        previous = self._conversation.add(item)
        committed = {"previous_item_id": previous, "item_id": item.id}
        self._send({"type": "input_audio_buffer.committed", **committed})
        self._announce(item, previous)

    def _take_words(self, turn: TurnHeard) -> None:
        item, heard = self._unheard.popleft()
        item.audio_ms = turn.audio_ms
        item.body["content"][0]["transcript"] = turn.text
        heard.set()
        if self._session.audio.input.transcription is None:
            return
        at = {"item_id": item.id, "content_index": 0}
        prefix = "conversation.item.input_audio_transcription"
        if turn.error is not None:
            failure = RealtimeError("server_error", turn.error, type="server_error")
            self._send({"type": f"{prefix}.failed", **at, "error": failure.as_dict()})
            return
        usage = {"type": "duration", "seconds": round(turn.audio_ms / 1000, 2)}
        self._send({"type": f"{prefix}.delta", **at, "delta": turn.text})
        self._send({"type": f"{prefix}.completed", **at, "transcript": turn.text, "usage": usage})

    def _answer_turn(self) -> None:
        try:
            self._respond(ResponseRequest())
        except RealtimeError as error:
            self._send({"type": "error", "error": {**error.as_dict(), "event_id": None}})

    # Items

    async def _create_item(self, event: Event) -> None:
        item = Item(parse_item(event.get("item")))
        after = event.get("previous_item_id")
        previous = self._conversation.add(item, after)
        if item.role == "assistant":  # what the agent said elsewhere, and so what led to it
            self._brain.pass_over(self._conversation.answered())
        self._announce(item, previous)

    def _announce(self, item: Item, previous: str | None) -> None:
        for type_ in ("conversation.item.added", "conversation.item.done"):
            self._send({"type": type_, "previous_item_id": previous, "item": item.body})

    async def _truncate_item(self, event: Event) -> None:
        where = {name: event.get(name) for name in ("item_id", "content_index", "audio_end_ms")}
        self._conversation.truncate(**where)
        self._send({"type": "conversation.item.truncated", **where})

    async def _delete_item(self, event: Event) -> None:
        self._conversation.delete(event.get("item_id"))
        self._send({"type": "conversation.item.deleted", "item_id": event["item_id"]})

    async def _retrieve_item(self, event: Event) -> None:
        item = self._conversation.find(event.get("item_id"))
        if item is None:
            message = f"Error retrieving item: the item with id '{event.get('item_id')}' does not exist."
            raise RealtimeError("item_retrieve_invalid_item_id", message, "item_id")
        self._send({"type": "conversation.item.retrieved", "item": item.body})

    # Responses

    async def _create_response(self, event: Event) -> None:
        self._respond(validated(ResponseRequest, event.get("response") or {}, "response"))

    async def _cancel_response(self, event: Event) -> None:
        wanted = event.get("response_id")
        running = [r for r in self._tasks if (r.id == wanted if wanted else r is self._active)]
        if not running:
            message = "Cancellation failed: no active response found"
            raise RealtimeError("response_cancel_not_active", message)
        self._interrupt(running[0], "client_cancelled")

    def _respond(self, request: ResponseRequest) -> None:
        session, default = self._session, request.conversation == "auto"
        if default and self._active is not None:
            raise RealtimeError(
                "conversation_already_has_active_response",
                f"Conversation already has an active response in progress: {self._active.id}. Wait until the "
                "response is finished before creating a new one.",
            )
        output = request.audio.output
        voice = output.voice or session.audio.output.voice
        if default and self._voice_used and voice != session.audio.output.voice:
            raise RealtimeError(
                "cannot_update_voice",
                "Cannot update a conversation's voice if assistant audio is present.",
                "response.audio.output.voice",
            )
        manner = Manner(
            voice.id if isinstance(voice, CustomVoice) else voice,
            session.language,
            session.audio.output.speed,
            (output.format or session.audio.output.format).type,
        )
        response = Response(
            manner,
            spoken=(request.output_modalities or session.output_modalities) == ["audio"],
            conversation_id=self._conversation.id if default else None,
            metadata=request.metadata,
            max_output_tokens=request.max_output_tokens or session.max_output_tokens,
            send=self._send,
            sent=self._sent,
            store=self._conversation.add if default else lambda item: None,
        )
        self._stop_idle()
        if default:
            self._active = response
        self._send({"type": "response.created", "response": response.body("in_progress", None, None)})
        self._tasks[response] = asyncio.create_task(self._run(response, request))

    async def _run(self, response: Response, request: ResponseRequest) -> None:
        error = None
        try:
            for _, heard in list(self._unheard):
                await heard.wait()
            error = await response.run(self._steps(request), self._mouth)
        except asyncio.CancelledError:
            if response.cause is None:  # the session is being closed
                raise
        finally:
            del self._tasks[response]
            if response is self._active:
                self._active = None
                self._ears.expect(self._brain.expectation())
        self._finish(response, request, error)

    def _steps(self, request: ResponseRequest) -> Any:
        if request.instructions is not None and (words := words_to_say(request.instructions)) is not None:
            return say(words)
        session, default = self._session, request.conversation == "auto"
        tools = session.tools if request.tools is None else request.tools
        choice = session.tool_choice if request.tool_choice is None else request.tool_choice
        history = self._conversation.history()
        if request.input is not None:
            bodies = [parse_item(body) for body in request.input if body.get("type") != "item_reference"]
            history = [entry for body in bodies if (entry := Item(body).entry()) is not None]
        brain = self._brain if default else self._brain_for(session)
        return brain.respond(
            Request(
                history,
                session.instructions,
                request.instructions,
                [tool.model_dump(exclude_none=True) for tool in tools],
                choice if isinstance(choice, str) else choice.model_dump(),
            )
        )

    def _finish(self, response: Response, request: ResponseRequest, error: dict[str, Any] | None) -> None:
        status = "completed"
        details: dict[str, Any] | None = None
        if response.cause is not None:
            status, details = "cancelled", {"type": "cancelled", "reason": response.cause}
        elif error is not None:
            log.warning("a response failed", extra={"reason": error["message"]})
            status, details = "failed", {"type": "failed", "error": error}
        session = self._session
        fixed = text_tokens(session.instructions if request.instructions is None else request.instructions)
        tools = session.tools if request.tools is None else request.tools
        fixed += sum(text_tokens(tool.model_dump_json(exclude_none=True)) for tool in tools)
        usage = self._conversation.usage(fixed, response.items, cached_fixed=self._fixed_cached)
        self._fixed_cached = request.instructions is None and request.tools is None
        spoken_ms = sum(item.audio_ms for item in response.items)
        self._voice_used = self._voice_used or spoken_ms > 0
        self._send({"type": "response.done", "response": response.body(status, details, usage)})
        vad = session.vad
        if status == "completed" and vad is not None and vad.idle_timeout_ms and self._active is None:
            delay_s = (spoken_ms + vad.idle_timeout_ms) / 1000
            self._idle = asyncio.get_running_loop().call_later(delay_s, self._caller_is_idle)

    def _interrupt(self, response: Response, cause: Cause) -> None:
        if response.cause is None:
            response.cause = cause
            self._tasks[response].cancel()

    # The idle caller

    def _caller_is_idle(self) -> None:
        item_id = self._speaking = new_id("item")
        times = {"audio_start_ms": 0, "audio_end_ms": 0}
        self._send({"type": "input_audio_buffer.timeout_triggered", "item_id": item_id, **times})
        self._add_turn()
        self._take_words(TurnHeard("", 0.0))
        self._answer_turn()

    def _stop_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
