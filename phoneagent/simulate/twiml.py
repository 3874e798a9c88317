"""Reading TwiML: the verbs of a document that a voice agent uses, in order. Pure.

https://www.twilio.com/docs/voice/twiml
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree


class TwimlError(Exception):
    """A document that Twilio would refuse; the number is that of its debugger."""


@dataclass(frozen=True, slots=True)
class ConnectStream:
    """<Connect><Stream>: where to stream to, and what to ask when the stream has ended."""

    url: str
    parameters: Mapping[str, str] = field(repr=False)
    action: str | None
    method: str


@dataclass(frozen=True, slots=True)
class Speak:
    """<Say>: the carrier's own voice."""

    text: str


@dataclass(frozen=True, slots=True)
class Pause:
    """<Pause>."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Redirect:
    """<Redirect>: go on with another document."""

    url: str
    method: str


@dataclass(frozen=True, slots=True)
class Reject:
    """<Reject>: refused before it was answered; `rejected` or `busy`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Dial:
    """<Dial>: the call is connected to somebody else."""

    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hangup:
    """<Hangup>."""


@dataclass(frozen=True, slots=True)
class Other:
    """A verb that a simulated phone has no use for."""

    name: str


Verb = ConnectStream | Speak | Pause | Redirect | Reject | Dial | Hangup | Other


def read_twiml(text: str, document_url: str) -> list[Verb]:
    """The verbs of a document that came from `document_url`, to which its relative URLs belong.

    Raises TwimlError: no XML (12100), no <Response> (12102), a <Stream> without a usable URL (31922, 31923).
    """
    try:
        # the document comes from the service under test, by the very request that was just made
        root = ElementTree.fromstring(text)  # noqa: S314
    except ElementTree.ParseError as error:
        raise TwimlError(f"12100: the answer of {document_url} is not XML: {error}") from error
    if root.tag != "Response":
        raise TwimlError(f"12102: the answer of {document_url} begins with <{root.tag}>, not with <Response>")
    return [_verb(element, document_url) for element in root]


def _verb(element: ElementTree.Element, document_url: str) -> Verb:
    text = " ".join("".join(element.itertext()).split())
    method = element.get("method", "POST").upper()
    match element.tag:
        case "Connect" if (stream := element.find("Stream")) is not None:
            action = element.get("action")
            return ConnectStream(
                url=_stream_url(stream),
                parameters={p.get("name", ""): p.get("value", "") for p in stream.findall("Parameter")},
                action=urljoin(document_url, action) if action else None,
                method=method,
            )
        case "Say":
            return Speak(text)
        case "Pause":
            return Pause(float(element.get("length", "1")))
        case "Redirect":
            return Redirect(urljoin(document_url, text), method)
        case "Reject":
            return Reject(element.get("reason", "rejected"))
        case "Dial":
            nouns = [(noun.text or "").strip() for noun in element]
            return Dial(tuple(nouns) if nouns else (text,))
        case "Hangup":
            return Hangup()
        case name:
            return Other(name)


def _stream_url(stream: ElementTree.Element) -> str:
    url = stream.get("url", "")
    parts = urlsplit(url)
    # plain ws only works from this machine to itself, as in a service that nobody else can reach
    local = parts.scheme == "ws" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    if parts.scheme != "wss" and not local:
        raise TwimlError(f"31922: the <Stream> url must begin with wss://, got {url!r}")
    if not parts.hostname or parts.query:
        raise TwimlError(f"31923: the <Stream> url must name a host and have no query, got {url!r}")
    return url
