"""Where in a text something was found."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from phoneagent.core.redaction.runs import Atom


class Span(NamedTuple):
    """A stretch of a text that holds what `kind` names."""

    start: int
    end: int
    kind: str


def merged(spans: Iterable[Span]) -> list[Span]:
    """The spans in order, those that overlap as one of the first one's kind: what any of them covers stays covered."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if found and span.start < found[-1].end:
            found[-1] = found[-1]._replace(end=max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def head(atoms: list[Atom], sizes: range) -> int | None:
    """Where the first digits end that are as many as `sizes` allows, the most of them; None if they don't part so."""
    end, count = None, 0
    for atom in atoms:
        count += len(atom.digits)
        if count >= sizes.stop:
            break
        if count in sizes:
            end = atom.end
    return end


def words(*alternatives: str) -> re.Pattern[str]:
    """A pattern for any of these, as whole words; one in brackets is a placeholder, and was not said."""
    return re.compile(rf"(?<![^\W_])(?<!\[(?=\w{{1,31}}\]))(?:{'|'.join(alternatives)})(?![^\W_])", re.IGNORECASE)


def said_before(pattern: re.Pattern[str], text: str, position: int, within: int) -> bool:
    """Whether the pattern is found within so many characters before the position."""
    return pattern.search(text, max(0, position - within), position) is not None
