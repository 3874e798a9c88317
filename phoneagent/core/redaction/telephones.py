"""A telephone number, wherever it stands and however it is written or said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from phoneagent.core.redaction.runs import Atom, joined, runs_of, tokens_of
from phoneagent.core.redaction.spans import Span
from phoneagent.core.redaction.words import NUMBERS, REPEATS, SCALES, plain

_FIGURE = re.compile(rf"\d|\b(?:{'|'.join(map(re.escape, {*NUMBERS, *REPEATS, *SCALES}))})\b")


@dataclass(frozen=True, slots=True)
class TelephoneNumber:
    """The number whose digits are `digits` behind the country's code, such as "1" and "2125550123".

    Found with and without that code, in any grouping, in figures and in words; not as a part of a longer number. `name`
    stands in its place, in brackets.
    """

    name: str
    country_code: str
    digits: str

    def may_stand_in(self, text: str) -> bool:
        """Whether it is worth looking for: for many texts, of which few hold any number."""
        fewest = (len(self.digits) + 1) // 2  # no word says more than two digits
        return len(list(islice(_FIGURE.finditer(plain(text)), fewest))) == fewest

    def spans(self, text: str) -> Iterator[Span]:
        """Where it stands."""
        tokens = tokens_of(text)
        for run in runs_of(text, tokens):
            for atoms in run.readings:
                yield from self._among(atoms)

    def _among(self, atoms: list[Atom]) -> Iterator[Span]:
        if self.digits not in joined(atoms):
            return
        code = self.country_code
        wholes = {f"{prefix}{self.digits}" for prefix in ("", "0", code, f"{code}0", f"00{code}", f"011{code}")}
        for index, atom in enumerate(atoms):
            said = ""
            for last in atoms[index:]:
                said += last.digits
                if said in wholes:
                    yield Span(atom.start, last.end, self.name)
                if len(said) > len(self.digits) + 5:
                    break
