"""Which answers of a person take a call."""

import pytest

from phoneagent.calls.acceptance import _WORDINGS, answer, wording


@pytest.mark.parametrize(
    ("language", "accepted", "refused"),
    [
        (
            "en-GB",
            ["Yes.", "yeah", "Okay, sure!", "OK put them through"],
            ["No.", "Not now", "I can\u2019t"],
        ),
        ("de", ["Ja.", "ja gerne", "Okay"], ["Nein", "jetzt nicht"]),
        ("fr-CA", ["Oui", "D'accord."], ["Non merci", "pas maintenant"]),
        ("es", ["Sí", "vale"], ["No puedo"]),
        ("it", ["Sì, certo"], ["no"]),
        ("pt-BR", ["Sim"], ["não"]),
        ("nl", ["Ja hoor"], ["nee"]),
        ("ja", ["Yes"], ["No"]),
    ],
)
def test_a_few_words_in_the_callers_language(language: str, accepted: list[str], refused: list[str]):
    said, _ = wording(language)
    assert {answer("", words, said) for words in accepted} == {"accepted"}
    assert {answer("", words, said) for words in refused} == {"refused"}


@pytest.mark.parametrize("words", ["Yes, no problem.", "no, ok?", "Sure, not a problem"])
def test_who_says_yes_and_no_is_asked_again(words: str):
    assert answer("", words, wording("en")[0]) == "unclear"


@pytest.mark.parametrize(
    "greeting",
    [
        "",
        "Hi, you have reached Ada. Please leave a message after the tone.",
        "Yes, hello, this is Ada's voicemail, okay, leave a message.",
        "The person you are calling is not available, please call again later.",
        "Hello?",
        "yesterday",
    ],
)
def test_a_voicemail_takes_no_call(greeting: str):
    assert answer("", greeting, wording("en")[0]) != "accepted"


def test_keys_count_more_than_words():
    said, _ = wording("en")
    assert [answer(key, "yes", said) for key in ("1", "2", "5", "#")] == ["accepted", "refused", "unclear", "unclear"]


def test_an_unknown_language_is_asked_in_english():
    assert wording("ja-JP") == (wording("en")[0], "en")
    assert wording("de-AT")[1] == "de-AT"


@pytest.mark.parametrize("language", _WORDINGS)
def test_every_language_asks_for_what_it_takes(language: str):
    said, _ = wording(language)
    assert "1" in said.ask
    assert {"1", "2"} <= set(said.ask_again)
    assert not set(said.yes) & set(said.no)
    assert answer("", said.yes[0], said) == "accepted"
    assert answer("", said.no[0], said) == "refused"
