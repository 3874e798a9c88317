"""Reading TwiML: the verbs of a document that a voice agent uses, in order. Pure.

https://www.twilio.com/docs/voice/twiml
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree
from xml.etree.ElementTree import Element


class TwimlError(Exception):
    """A document that Twilio would refuse; the number is that of its debugger."""


@dataclass(frozen=True, slots=True)
class Next:
    """Where the document to go on with is found. `fields` are what its request tells besides the usual."""

    url: str
    method: str = "POST"
    fields: Mapping[str, str] = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class Inline:
    """A document that was given in a request of the REST API."""

    twiml: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ConnectStream:
    """<Connect><Stream>: where to stream to, and what to ask when the stream has ended."""

    url: str
    parameters: Mapping[str, str] = field(repr=False)
    action: Next | None


@dataclass(frozen=True, slots=True)
class Speak:
    """<Say>: the carrier's own voice."""

    text: str


@dataclass(frozen=True, slots=True)
class Play:
    """<Play>: a sound file, or keys, in which `w` is a pause of half a second."""

    url: str
    digits: str


@dataclass(frozen=True, slots=True)
class Pause:
    """<Pause>."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Gather:
    """<Gather>: keys or speech to wait for while the prompt is spoken, and `timeout_s` after it."""

    prompt: tuple[Speak | Play | Pause, ...]
    keys: bool
    speech: bool
    most_keys: int | None
    finish_on: str
    timeout_s: float
    on_nothing: bool  # whether `action` is asked even if nothing came
    action: Next


@dataclass(frozen=True, slots=True)
class StatusCallback:
    """Who is told what happens. `events` as they stand in the document or the request: names without spaces."""

    url: str
    events: frozenset[str]
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class DialNumber:
    """<Number>, or the text of a <Dial>."""

    number: str
    digits: str = ""
    callback: StatusCallback | None = None


@dataclass(frozen=True, slots=True)
class DialConference:
    """<Conference>: the room of this name."""

    name: str
    starts: bool = True  # the conference, on entering
    ends: bool = False  # the conference, on leaving
    muted: bool = False
    music: bool = True  # while it has not begun
    label: str = ""  # a name for the participant
    callback: StatusCallback | None = None


@dataclass(frozen=True, slots=True)
class Dial:
    """<Dial>: the call is connected to somebody else."""

    to: DialNumber | DialConference
    timeout_s: float = 30.0
    time_limit_s: float = 4 * 3600.0
    caller_id: str | None = None
    action: Next | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """<Redirect>: go on with another document."""

    to: Next


@dataclass(frozen=True, slots=True)
class Reject:
    """<Reject>: refused before it was answered; `rejected` or `busy`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Hangup:
    """<Hangup>."""


@dataclass(frozen=True, slots=True)
class Other:
    """A verb that a simulated carrier has no use for."""

    name: str


Verb = ConnectStream | Speak | Play | Pause | Gather | Dial | Redirect | Reject | Hangup | Other


def read_twiml(text: str, document_url: str | None) -> list[Verb]:
    """The verbs of a document that came from `document_url`, to which its relative URLs belong.

    None: the document was given in a request of the REST API. Raises TwimlError: no XML (12100), no <Response>
    (12102), a <Stream> without a usable URL (31922, 31923), a relative URL in an inline document (15004).
    """
    where = f"the answer of {document_url}" if document_url else "the TwiML of the request"
    try:
        # the document comes from the service under test, by the very request that was just made
        root = ElementTree.fromstring(text)  # noqa: S314
    except ElementTree.ParseError as error:
        raise TwimlError(f"12100: {where} is not XML: {error}") from error
    if root.tag != "Response":
        raise TwimlError(f"12102: {where} begins with <{root.tag}>, not with <Response>")
    return [_Reader(document_url).verb(element) for element in root]


@dataclass(frozen=True, slots=True)
class _Reader:
    document_url: str | None

    def verb(self, element: Element) -> Verb:
        match element.tag:
            case "Connect" if (stream := element.find("Stream")) is not None:
                return ConnectStream(
                    url=_stream_url(stream),
                    parameters={p.get("name", ""): p.get("value", "") for p in stream.findall("Parameter")},
                    action=self._action(element),
                )
            case "Say":
                return Speak(_text(element))
            case "Play":
                url = _text(element)
                return Play(self._absolute(url) if url else "", element.get("digits", ""))
            case "Pause":
                return Pause(float(element.get("length", "1")))
            case "Gather":
                return self._gather(element)
            case "Dial":
                return self._dial(element)
            case "Redirect":
                return Redirect(Next(self._absolute(_text(element)), _method(element)))
            case "Reject":
                return Reject(element.get("reason", "rejected"))
            case "Hangup":
                return Hangup()
            case name:
                return Other(name)

    def _gather(self, element: Element) -> Gather:
        prompt = tuple(verb for verb in map(self.verb, element) if isinstance(verb, Speak | Play | Pause))
        inputs = element.get("input", "dtmf").split()
        most = element.get("numDigits")
        return Gather(
            prompt,
            keys="dtmf" in inputs,
            speech="speech" in inputs,
            most_keys=int(most) if most else None,
            finish_on=element.get("finishOnKey", "#"),
            timeout_s=float(element.get("timeout", "5")),
            on_nothing=element.get("actionOnEmptyResult") == "true",
            # without an action, the document itself is asked for again
            action=self._action(element) or Next(self._absolute(""), _method(element)),
        )

    def _dial(self, element: Element) -> Dial:
        nouns = list(element)
        if not nouns:
            to: DialNumber | DialConference = DialNumber(_text(element))
        elif len(nouns) > 1 or nouns[0].tag not in ("Number", "Conference"):
            found = "".join(f"<{noun.tag}>" for noun in nouns)
            raise TwimlError(f"the simulated carrier can <Dial> one <Number> or one <Conference>, got {found}")
        elif nouns[0].tag == "Number":
            [noun] = nouns
            to = DialNumber(_text(noun), noun.get("sendDigits", ""), self._callback(noun, "completed"))
        else:
            [noun] = nouns
            to = DialConference(
                _text(noun),
                starts=noun.get("startConferenceOnEnter", "true") == "true",
                ends=noun.get("endConferenceOnExit") == "true",
                muted=noun.get("muted") == "true",
                music=noun.get("waitUrl") != "",
                label=noun.get("participantLabel", ""),
                callback=self._callback(noun, ""),
            )
        return Dial(
            to,
            timeout_s=float(element.get("timeout", "30")),
            time_limit_s=float(element.get("timeLimit", "14400")),
            caller_id=element.get("callerId"),
            action=self._action(element),
        )

    def _action(self, element: Element) -> Next | None:
        action = element.get("action")
        return Next(self._absolute(action), _method(element)) if action else None

    def _callback(self, element: Element, default_events: str) -> StatusCallback | None:
        if not (url := element.get("statusCallback")):
            return None
        events = element.get("statusCallbackEvent", default_events).split()
        method = element.get("statusCallbackMethod", "POST").upper()
        return StatusCallback(self._absolute(url), frozenset(events), method)

    def _absolute(self, url: str) -> str:
        if self.document_url is not None:
            return urljoin(self.document_url, url)
        if not urlsplit(url).scheme:
            raise TwimlError(f"15004: a document that was given inline must have absolute URLs, got {url!r}")
        return url


def _text(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())


def _method(element: Element) -> str:
    return element.get("method", "POST").upper()


def _stream_url(stream: Element) -> str:
    url = stream.get("url", "")
    parts = urlsplit(url)
    # plain ws only works from this machine to itself, as in a service that nobody else can reach
    local = parts.scheme == "ws" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    if parts.scheme != "wss" and not local:
        raise TwimlError(f"31922: the <Stream> url must begin with wss://, got {url!r}")
    if not parts.hostname or parts.query:
        raise TwimlError(f"31923: the <Stream> url must name a host and have no query, got {url!r}")
    return url
