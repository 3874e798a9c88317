"""How a person is asked to take a call, and what of their answer counts: a key, or a few words.

A voicemail's greeting must not: it is long, or says none of these words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Answer = Literal["accepted", "refused", "unclear"]

_MOST_WORDS = 6
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Wording:
    """What is said to the person in one language, and what they may say."""

    ask: str
    ask_again: str
    gone: str  # the caller is
    declined: str
    yes: tuple[str, ...]
    no: tuple[str, ...]


_WORDINGS = {
    "en": Wording(
        "To take the call, press 1 or say yes.",
        "Sorry, I did not understand that. Press 1 or say yes to take the call, press 2 or say no if you can't.",
        "The caller is no longer on the line. Goodbye.",
        "All right, thank you. Goodbye.",
        ("yes", "yeah", "yep", "okay", "ok", "sure", "accept", "connect"),
        ("no", "not", "nope", "can't", "cannot", "later", "don't", "decline"),
    ),
    "de": Wording(
        "Um den Anruf anzunehmen, drücken Sie die 1 oder sagen Sie ja.",
        "Das habe ich nicht verstanden. Drücken Sie die 1 oder sagen Sie ja, um den Anruf anzunehmen, sonst die 2.",
        "Der Anrufer ist nicht mehr in der Leitung. Auf Wiederhören.",
        "In Ordnung, danke. Auf Wiederhören.",
        ("ja", "okay", "ok", "gerne", "klar", "verbinden"),
        ("nein", "nicht", "nee", "später", "keine"),
    ),
    "fr": Wording(
        "Pour prendre l'appel, appuyez sur 1 ou dites oui.",
        "Je n'ai pas compris. Appuyez sur 1 ou dites oui pour prendre l'appel, sinon appuyez sur 2.",
        "Votre correspondant n'est plus en ligne. Au revoir.",
        "D'accord, merci. Au revoir.",
        ("oui", "ouais", "d'accord", "ok", "okay"),
        ("non", "pas", "tard"),
    ),
    "es": Wording(
        "Para atender la llamada, pulse 1 o diga sí.",
        "No le he entendido. Pulse 1 o diga sí para atender la llamada, o pulse 2 si no puede.",
        "La persona ya no está en la línea. Adiós.",
        "De acuerdo, gracias. Adiós.",
        ("sí", "si", "vale", "claro", "ok", "okay"),
        ("no", "luego", "tarde"),
    ),
    "it": Wording(
        "Per rispondere alla chiamata, prema 1 o dica sì.",
        "Non ho capito. Prema 1 o dica sì per rispondere alla chiamata, altrimenti prema 2.",
        "La persona non è più in linea. Arrivederci.",
        "Va bene, grazie. Arrivederci.",
        ("sì", "si", "certo", "ok", "okay"),
        ("no", "non", "dopo"),
    ),
    "pt": Wording(
        "Para atender a chamada, pressione 1 ou diga sim.",
        "Não entendi. Pressione 1 ou diga sim para atender a chamada, ou pressione 2 se não puder.",
        "A pessoa já não está na linha. Até logo.",
        "Está bem, obrigado. Até logo.",
        ("sim", "claro", "ok", "okay"),
        ("não", "nao", "depois"),
    ),
    "nl": Wording(
        "Druk op 1 of zeg ja om het gesprek aan te nemen.",
        "Dat heb ik niet verstaan. Druk op 1 of zeg ja om het gesprek aan te nemen, anders op 2.",
        "De beller is niet meer aan de lijn. Tot ziens.",
        "Goed, dank u wel. Tot ziens.",
        ("ja", "oké", "ok", "okay", "prima"),
        ("nee", "niet", "later"),
    ),
}


def wording(language: str) -> tuple[Wording, str]:
    """What is said to somebody whose caller speaks `language` (BCP 47), and the language that it is in."""
    found = _WORDINGS.get(language.partition("-")[0].lower())
    return (found, language) if found else (_WORDINGS["en"], "en")


def answer(keys: str, speech: str, said: Wording) -> Answer:
    """What a key or some words mean; nothing at all is unclear, and so is both at once ("yes, no problem")."""
    if keys:
        return "accepted" if keys[0] == "1" else "refused" if keys[0] == "2" else "unclear"
    text = speech.lower().replace("\u2019", "'")
    words = set(_WORD.findall(text)) | set(text.replace(",", " ").replace(".", " ").split())
    if len(text.split()) > _MOST_WORDS:
        return "unclear"
    yes, no = not words.isdisjoint(said.yes), not words.isdisjoint(said.no)
    return "unclear" if yes == no else "accepted" if yes else "refused"
