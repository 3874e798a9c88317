"""Settings are changed in the text of an agent file; all that was not meant stays as it is, to the last blank.

That is why the text is cut and mended where the parser says that a value stands, and not written anew from values.
What comes of it is read again and compared with what was wanted, so that a form of YAML that is not understood here
is refused and never spoiled.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from phoneagent.agents.source import FENCE, SourceError, take_apart

Path = tuple[str, ...]
Span = tuple[int, int]
_PLAIN = re.compile(r"(?!(?i:true|false|null)\Z)[A-Za-z][\w./-]*( [\w./-]+)*", re.ASCII)


class NotEditableError(Exception):
    """A change that has to be made in the text, by somebody who reads it."""


def edited(text: str, changes: Mapping[str, Any]) -> str:
    """The text of an agent file with these keys of its front matter set, as in `turn_detection.threshold`.

    None takes a key out. Of a list, items that stay keep their comments; one that is a name and its options, as tools
    are, may be meant by its name. Raises NotEditableError.
    """
    lines = text.replace("\r\n", "\n")
    for key, value in changes.items():
        lines = _changed(lines, tuple(key.split(".")), value)
    return lines.replace("\n", "\r\n") if "\r\n" in text else lines


def _changed(text: str, path: Path, value: Any) -> str:
    key = ".".join(path)
    try:
        before = take_apart("", text.encode("utf-8", "surrogatepass"))
    except SourceError as error:
        raise NotEditableError(f"{key} can't be set while the text can't be read: {error}") from error
    start, end = _front(text)
    old = _at(before.front, path)
    value = _meant(value, old)
    wanted = _with(before.front, path, value)
    front = _Front(text[start:end])
    try:
        mended = front.without(path) if value is None else front.with_value(path, value, old)
        result = text[:start] + mended + text[end:]
        after = take_apart("", result.encode("utf-8", "surrogatepass"))
    except (SourceError, _StrangeFormError) as error:
        raise NotEditableError(f"{key} is written in a form that is changed in the text only") from error
    if _bare(after.front) != _bare(wanted) or after.prompt != before.prompt:
        raise NotEditableError(f"{key} is written in a form that is changed in the text only")
    return result


def _front(text: str) -> Span:
    """Where the front matter stands, without its fences."""
    offset, fences = 0, []
    for line in text.split("\n"):
        if FENCE.fullmatch(line.removeprefix("\ufeff")):
            fences.append((offset, offset + len(line) + 1))
        offset += len(line) + 1
    return fences[0][1], fences[1][0]


def _meant(value: Any, old: Any) -> Any:
    """The value, with the options that items had which it has by their names."""
    if not isinstance(value, list) or not isinstance(old, list):
        return value
    with_options = {name: item for item in old if isinstance(item, dict) and len(item) == 1 for name in item}
    return [with_options.get(item, item) if isinstance(item, str) else item for item in value]


def _at(front: Any, path: Path) -> Any:
    for key in path:
        front = front.get(key) if isinstance(front, dict) else None
    return front


def _with(front: Mapping[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """The front matter as it is to be. A group that loses its last key goes with it."""
    key, rest = path[0], path[1:]
    if rest:
        inner = front.get(key)
        if value is None and not (isinstance(inner, dict) and rest[0] in inner):
            return dict(front)
        value = _with(inner if isinstance(inner, dict) else {}, rest, value) or None
    if value is None:
        return {other: kept for other, kept in front.items() if other != key}
    return {**front, key: value}


def _bare(value: Any) -> Any:
    """Without the ends of texts' last lines: a block of text has one, but not where the front matter ends with it."""
    match value:
        case dict():
            return {key: _bare(inner) for key, inner in value.items()}
        case list():
            return [_bare(inner) for inner in value]
        case _:
            return value.rstrip("\n") if isinstance(value, str) else value


class _StrangeFormError(Exception):
    """YAML has more forms than are changed here."""


class _Front:
    """The text of a front matter, and what stands where in it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._root: Node | None = YAML().compose(text)

    def with_value(self, path: Path, value: Any, old: Any) -> str:
        """The text with the value, which was `old` before."""
        if self._root is None:
            return f"{self._text}{_entry(path, value)}\n"
        node = self._root
        for depth, key in enumerate(path):
            found = _find(node, key)
            if found is None:
                return self._appended(node, _entry(path[depth:], value))
            inner = found[1]
            last = depth == len(path) - 1
            if last and isinstance(inner, SequenceNode) and isinstance(value, list) and isinstance(old, list):
                return self._with_items(path, old, value)
            if last or not isinstance(inner, MappingNode):
                return self._replaced(found, _flow(_nested(path[depth + 1 :], value)))
            node = inner
        raise AssertionError("a path has a last key")

    def without(self, path: Path) -> str:
        """The text without the key, and without the groups that have no other."""
        node, outermost = self._root, None
        for key in path:
            found = _find(node, key)
            if node is None or found is None:
                return self._text
            if outermost is None or len(node.value) > 1:
                outermost = node, node.value.index(found)
            node = found[1]
        assert outermost is not None
        return self._cut(*outermost)

    def _with_items(self, path: Path, old: Sequence[Any], new: Sequence[Any]) -> str:
        """A list with some items fewer, and others at its end; written anew if more than that changes."""
        stay = [item for item in old if item in new]
        if not stay or list(new[: len(stay)]) != stay:
            return self._replaced(self._entry(path), _flow(new))
        text = self._text
        if more := new[len(stay) :]:
            text = self._appended(self._entry(path)[1], *map(_flow, more))
        for index in reversed([index for index, item in enumerate(old) if item not in new]):
            shorter = _Front(text)
            text = shorter._cut(shorter._entry(path)[1], index)
        return text

    def _entry(self, path: Path) -> tuple[Node, Node]:
        node, entry = self._root, None
        for key in path:
            entry = _find(node, key)
            node = entry and entry[1]
        assert entry is not None
        return entry

    def _replaced(self, entry: tuple[Node, Node], value: str) -> str:
        """With another value: on the line of its key, before a comment that is there."""
        start, end = self._value_span(*entry)
        colon = self._text.index(":", self._span(entry[0])[1]) + 1
        between = self._text[colon:start]
        if between.isspace() and "\n" not in between:
            return f"{self._text[:start]}{value}{self._text[end:]}"
        return f"{self._text[:colon]} {value}{between.rstrip()}{self._text[end:]}"

    def _appended(self, node: Node, *entries: str) -> str:
        """With more at the end of a collection."""
        spans = self._spans(node)
        if _in_flow(node):
            more = ", ".join(entries)
            at = spans[-1][1] if spans else node.start_mark.index + 1
            return f"{self._text[:at]}{', ' if spans else ''}{more}{self._text[at:]}"
        at = self._line_end(spans[-1][1])
        begin = self._text[self._line_begin(spans[0][0]) :]
        indent = begin[: len(begin) - len(begin.lstrip(" "))]
        dash = "- " if isinstance(node, SequenceNode) else ""
        more = "".join(f"\n{indent}{dash}{entry}" for entry in entries)
        return f"{self._text[:at]}{more}{self._text[at:]}"

    def _cut(self, node: Node, index: int) -> str:
        """Without one entry of a collection: the lines of one that has lines of its own."""
        spans = self._spans(node)
        start, end = spans[index]
        if not _in_flow(node):
            start, end = self._line_begin(start), self._line_end(end) + 1
        elif index + 1 < len(spans):
            end = spans[index + 1][0]
        elif index > 0:
            start = spans[index - 1][1]
        return self._text[:start] + self._text[end:]

    def _spans(self, node: Node) -> list[Span]:
        """Where the entries of a collection stand."""
        if isinstance(node, MappingNode):
            return [(self._span(key)[0], self._value_span(key, value)[1]) for key, value in node.value]
        if isinstance(node, SequenceNode):
            return [self._span(item) for item in node.value]
        raise _StrangeFormError

    def _value_span(self, key: Node, value: Node) -> Span:
        """Where the value of a key stands."""
        key_end, span = self._span(key)[1], self._span(value)
        if isinstance(value, ScalarNode) and span[0] == span[1]:  # nothing: the parser has it at the next thing
            return (self._text.index(":", key_end) + 1,) * 2
        if span[0] < key_end:  # an alias: what it stands for is elsewhere
            raise _StrangeFormError
        return span

    def _span(self, node: Node) -> Span:
        """Where a node stands. The parser has a block end where the next thing begins."""
        start, end = node.start_mark.index, node.end_mark.index
        if isinstance(node, CollectionNode) and not _in_flow(node) and node.value:
            return start, self._spans(node)[-1][1]
        if isinstance(node, ScalarNode) and node.style in ("|", ">"):
            return start, start + len(self._text[start:end].rstrip())
        return start, end

    def _line_begin(self, at: int) -> int:
        return self._text.rfind("\n", 0, at) + 1

    def _line_end(self, at: int) -> int:
        end = self._text.find("\n", at)
        return len(self._text) if end < 0 else end


def _in_flow(node: Node) -> bool:
    """Whether a collection is written in brackets."""
    return isinstance(node, CollectionNode) and bool(node.flow_style)


def _find(node: Node | None, key: str) -> tuple[Node, Node] | None:
    """The key and the value of a mapping."""
    entries = node.value if isinstance(node, MappingNode) else ()
    return next((entry for entry in entries if entry[0].value == key), None)


def _entry(path: Path, value: Any) -> str:
    return f"{_flow(path[0])}: {_flow(_nested(path[1:], value))}"


def _nested(path: Path, value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def _flow(value: Any) -> str:
    """The value in one line."""
    match value:
        case dict():
            return "{" + ", ".join(f"{_flow(key)}: {_flow(inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_flow, value)) + "]"
        case str() if _PLAIN.fullmatch(value):
            return value
        case _:
            return json.dumps(value, ensure_ascii=False)
