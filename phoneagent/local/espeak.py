"""espeak-ng through ctypes. One voice at a time: the library's state is global, so it has a process to itself.

espeak-ng is licensed under the GPL, version 3; this module is imported by the mouth's process and by nothing else.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import espeakng_loader  # type: ignore[import-untyped]

_SYNCHRONOUS = 2
_CHUNK_MS = 60
_POS_CHARACTER = 1
_CHARS_UTF8 = 1
_END_PAUSE = 0x1000
_RATE, _PITCH_RANGE = 1, 4
_PHONEMES_IPA = 0x02
_WORDS_PER_MINUTE = 165

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class EspeakError(Exception):
    """espeak-ng could not be loaded or refused a voice or a text."""


class Espeak:
    """A loaded espeak-ng."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        data = str(espeakng_loader.get_data_path()).encode()
        self.sample_rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, _CHUNK_MS, data, 0)
        if self.sample_rate <= 0:
            raise EspeakError("espeak-ng could not be initialised: is its data in the wheel of espeakng-loader?")

    def synthesize(self, text: str, voice: str, speed: float, hear: Callable[[bytes], bool]) -> None:
        """Speak `text`. `hear` gets each piece of 16-bit PCM and returns whether to go on.

        `voice` is an espeak-ng name such as "en-us+f3"; `speed` 1.0 is normal. Raises EspeakError.
        """

        def on_audio(samples: ctypes._Pointer[ctypes.c_short], count: int, events: int) -> int:
            return 0 if not samples or count <= 0 or hear(ctypes.string_at(samples, count * 2)) else 1

        callback = _Callback(on_audio)  # kept alive until the synthesis returns
        self._library.espeak_SetSynthCallback(callback)
        self._set_voice(voice)
        self._library.espeak_SetParameter(_RATE, round(_WORDS_PER_MINUTE * speed), 0)
        encoded = text.encode()
        flags = _CHARS_UTF8 | _END_PAUSE
        size = ctypes.c_size_t(len(encoded) + 1)
        if self._library.espeak_Synth(encoded, size, 0, _POS_CHARACTER, 0, flags, None, None):
            raise EspeakError("espeak-ng refused the text")

    def phonemes(self, word: str, voice: str = "en-us") -> str:
        """The pronunciation of a word in the International Phonetic Alphabet."""
        self._set_voice(voice)
        text = ctypes.c_char_p(word.encode())
        ipa: bytes | None = self._library.espeak_TextToPhonemes(ctypes.byref(text), _CHARS_UTF8, _PHONEMES_IPA)
        return (ipa or b"").decode()

    def _set_voice(self, voice: str) -> None:
        if self._library.espeak_SetVoiceByName(voice.encode()):
            raise EspeakError(f"espeak-ng has no voice {voice!r}")
