"""The text of an agent file: front matter and prompt, and where in the file each of their parts stands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.composer import Composer
from ruamel.yaml.constructor import DuplicateKeyError, RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import ScalarNode

from phoneagent.core.problems import FileProblem

Place = tuple[int, int]
FENCE = re.compile(r"---[ \t]*")
# YAML is read in Python, while calls go on: what could take minutes is not even begun.
_MAX_FRONT = 64 * 1024  # characters of front matter
_MAX_DEPTH = 32
_MAX_VALUES = 10_000  # an alias of an alias of … is a line each, and a million values


class SourceError(Exception):
    """A file that can't be taken apart. `problem` says where and why."""

    def __init__(self, problem: FileProblem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True)
class Source:
    """An agent file taken apart. `front` holds plain values; `line` of the prompt counts from 1."""

    file: str
    content: bytes = field(repr=False)
    front: dict[str, Any]
    prompt: str = field(repr=False)
    prompt_line: int
    _marked: CommentedMap = field(repr=False)

    @property
    def text(self) -> str:
        """All of the file."""
        return self.content.decode("utf-8-sig")

    def problem(self, place: Place, message: str) -> FileProblem:
        """An error of this file."""
        return FileProblem(self.file, *place, message)

    def place(self, path: Sequence[str | int], *, of_key: bool = False) -> Place:
        """Line and column of what stands at `path` in the front matter, or of what of it is there."""
        node: Any = self._marked
        line, column = 1, 0  # zero-based, as ruamel.yaml counts: the first line after the fence
        for step in path:
            if isinstance(node, CommentedMap) and step in (node.lc.data or ()):
                at_end = of_key and step == path[-1]
                line, column = node.lc.key(step) if at_end else node.lc.value(step)
            elif isinstance(node, CommentedSeq) and step in (node.lc.data or ()):
                line, column = node.lc.item(step)
            else:  # missing, or merged in from an anchor
                break
            node = node[step]
        return line + 1, column + 1


def read(path: Path) -> Source:
    """Read and take apart an agent file. Raises SourceError."""
    file = path.as_posix()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SourceError(FileProblem(file, 0, 0, f"can't be read: {error.strerror}")) from error
    return _kept(file, content)


def take_apart(file: str, content: bytes) -> Source:
    """Take apart what stands in an agent file, or would. Raises SourceError."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SourceError(FileProblem(file, line, 0, "is not UTF-8 text; save it as UTF-8")) from error

    lines = text.replace("\r\n", "\n").split("\n")
    fences = [number for number, line in enumerate(lines) if FENCE.fullmatch(line)]
    if not fences or fences[0] != 0:
        raise SourceError(FileProblem(file, 1, 0, "must begin with front matter between two lines of ---"))
    if len(fences) < 2:
        raise SourceError(FileProblem(file, 1, 0, "the front matter is not closed by a second line of ---"))
    end = fences[1]
    body = "\n".join(lines[end + 1 :])
    leading = len(body) - len(body.lstrip())
    marked, front = _parse(file, "\n".join(["", *lines[1:end]]))  # an empty first line keeps the file's line numbers
    return Source(
        file=file,
        content=content,
        front=front,
        prompt=body.strip(),
        prompt_line=end + 2 + body.count("\n", 0, leading),
        _marked=marked,
    )


_kept = lru_cache(maxsize=1000)(take_apart)  # a save changes one file of the folder, and YAML takes its time


class _Constructor(RoundTripConstructor):
    """Reads +15550100 and 0301234 as the text that they are, not as numbers."""

    def construct_yaml_int(self, node: ScalarNode) -> Any:
        if re.match(r"\+|0\d", node.value):
            return str(node.value)
        return super().construct_yaml_int(node)


_Constructor.add_constructor("tag:yaml.org,2002:int", _Constructor.construct_yaml_int)


class _Composer(Composer):
    """Stops where there are too many values, or too deep ones: with OverflowError. What an alias stands for counts
    each time."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader)
        self._values = 0
        self._below: dict[Any, int] = {}  # values, by their anchors

    def compose_node(self, parent: Any, index: Any) -> Any:
        before, alias = self._values, self.parser.check_event(AliasEvent) and self.parser.peek_event().anchor
        self._values += self._below.get(alias, 0) if alias else 1
        if self._values > _MAX_VALUES or self.depth >= _MAX_DEPTH:
            raise OverflowError
        node = super().compose_node(parent, index)
        if not alias and node.anchor:
            self._below[node.anchor] = self._values - before
        return node


def _parse(file: str, text: str) -> tuple[CommentedMap, dict[str, Any]]:
    """The front matter with its places, and its plain values."""
    if len(text) > _MAX_FRONT:
        raise SourceError(FileProblem(file, 1, 0, f"the front matter is larger than {_MAX_FRONT // 1024} KiB"))
    yaml = YAML()
    yaml.Constructor = _Constructor
    yaml.Composer = _Composer
    try:
        marked = yaml.load(text)
        if marked is None:
            return CommentedMap(), {}
        if isinstance(marked, CommentedMap):
            return marked, {str(key): _plain(value) for key, value in marked.items()}
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 0)
        raise SourceError(FileProblem(file, line, column, _reason(error, text.split("\n")))) from error
    except (RecursionError, OverflowError) as error:
        raise SourceError(FileProblem(file, 1, 0, "the front matter is nested too deeply, or too large")) from error
    except Exception as error:  # impossible dates, mappings as keys …: the parser has no one class for these
        reason = " ".join(str(error).split())
        raise SourceError(FileProblem(file, 1, 0, f"not readable as YAML: {reason}")) from error
    raise SourceError(FileProblem(file, 2, 0, "the front matter must be lines of `key: value`"))


def _reason(error: MarkedYAMLError, lines: list[str]) -> str:
    if isinstance(error, DuplicateKeyError):
        found = re.search(r'duplicate key "(.*?)"', error.problem or "")
        return f"the key {found[1]!r} is there twice" if found else "a key is there twice"
    line = lines[error.problem_mark.line] if error.problem_mark else ""
    if re.search(r"[:\[,-]\s*\*\s*([],]|$)", line):
        return 'write "*" in quotes'
    within = f", {error.context} from line {error.context_mark.line + 1} on" if error.context_mark else ""
    return f"not readable as YAML: {error.problem}{within}"


def _plain(value: Any) -> Any:
    """The value without the parser's own classes. Raises RecursionError."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value
