"""The corpus: what must go goes, what must stay stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from phoneagent.core.redaction import KINDS, Redactor
from tests.core.redaction import corpus
from tests.core.redaction.corpus import Example, marked

BY_HAND = [marked(line) for line in corpus._lines("positives.txt")]
PRIVACY = Path(__file__).parents[3] / "docs" / "privacy.md"


def test_the_corpus_is_large_and_holds_every_kind():
    assert len(corpus.positives()) >= 300
    assert len(corpus.negatives()) >= 300
    assert all(score.there >= 50 for score in corpus.scores().values())


@pytest.mark.parametrize("example", BY_HAND, ids=lambda example: example.expected[:40])
def test_what_is_secret_goes_and_nothing_else(example: Example):
    assert Redactor().text(example.text) == example.expected


@pytest.mark.parametrize("line", corpus._lines("negatives.txt"), ids=lambda line: line[:40])
def test_what_is_not_secret_stays(line: str):
    assert Redactor().text(line) == line


@pytest.mark.parametrize("kind", KINDS)
def test_recall_and_precision_are_at_least_95_percent(kind: str):
    score = corpus.scores()[kind]
    assert score.recall >= 0.95, score
    assert score.precision >= 0.95, score


def test_no_card_of_the_corpus_stays():
    assert corpus.scores()["card"].recall == 1


def test_the_documents_show_what_is_measured():
    table = corpus.table()
    assert table in PRIVACY.read_text(encoding="utf-8"), f"docs/privacy.md should hold this table:\n\n{table}"
