"""From the International Phonetic Alphabet, as espeak-ng writes English, to the phonemes of CMUdict."""

from __future__ import annotations

# Longest first where one begins like another.
_PHONEMES = {
    "aɪə": "AY AH", "aɪɚ": "AY ER", "aʊə": "AW ER", "oːɹ": "AO R", "ɔːɹ": "AO R", "ɑːɹ": "AA R",
    "ɛɹ": "EH R", "ɪɹ": "IH R", "ʊɹ": "UH R", "əl": "AH L", "tʃ": "CH", "dʒ": "JH",
    "aɪ": "AY", "aʊ": "AW", "eɪ": "EY", "oʊ": "OW", "ɔɪ": "OY", "iə": "IY AH", "juː": "Y UW",
    "iː": "IY", "uː": "UW", "ɑː": "AA", "ɔː": "AO", "oː": "AO", "ɜː": "ER", "ææ": "AE",
    "i": "IY", "ɪ": "IH", "e": "EH", "ɛ": "EH", "æ": "AE", "a": "AA", "ɐ": "AH", "ʌ": "AH", "ə": "AH",
    "ɚ": "ER", "ɝ": "ER", "ɔ": "AO", "o": "OW", "ʊ": "UH", "u": "UW", "ɑ": "AA", "ɒ": "AA", "ᵻ": "IH", "y": "UW",
    "p": "P", "b": "B", "t": "T", "d": "D", "k": "K", "ɡ": "G", "g": "G", "f": "F", "v": "V", "θ": "TH",
    "ð": "DH", "s": "S", "z": "Z", "ʃ": "SH", "ʒ": "ZH", "h": "HH", "x": "K", "ç": "HH", "m": "M", "n": "N",
    "ŋ": "NG", "l": "L", "ɫ": "L", "ɹ": "R", "r": "R", "ɾ": "T", "j": "Y", "w": "W", "ʔ": "T",
}  # fmt: skip
_LONGEST = max(map(len, _PHONEMES))


def arpabet(ipa: str) -> str:
    """The pronunciation as CMUdict writes it, without stress. Signs that aren't phonemes are left out."""
    phonemes = []
    at = 0
    while at < len(ipa):
        for length in range(_LONGEST, 0, -1):
            if (found := _PHONEMES.get(ipa[at : at + length])) is not None:
                phonemes.append(found)
                at += length
                break
        else:
            at += 1
    return " ".join(phonemes)
