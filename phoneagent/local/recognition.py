"""Speech recognition by pocketsphinx, with a grammar of what can be understood and a way out for everything else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pocketsphinx import Decoder, get_model_path  # type: ignore[import-untyped]

from phoneagent.local.grammar import NOISE, PHONES

NOT_UNDERSTOOD = "[unintelligible]"  # speech that is none of what the grammar allows

# The mean cepstrum of telephone speech, to begin with: pocketsphinx's own is of a microphone, and adapting takes a
# turn or two, which would be heard worse than the rest.
_TELEPHONE = "44,5,-6,22,-5,-1,7,-11,2,-2,1,8,-2"

# Each word costs: else a recogniser makes many short ones of noise. The grammar's odds are of its own choosing (lw).
_FOR_GRAMMAR = {"lw": 1.0, "wip": 1e-5}

_OPEN, _GRAMMAR = "open", "grammar"  # the searches of the decoder


class Recognizer:
    """Writes down what is said, while it is being said. Audio is 16-bit PCM at 16 kHz."""

    def __init__(self) -> None:
        # The open model takes 0.3 s and 30 MB, and is loaded when somebody needs it.
        self._decoder = Decoder(
            lm=None, samprate=16000, bestpath=False, cmninit=_TELEPHONE, loglevel="FATAL", **_FOR_GRAMMAR
        )
        for phone in PHONES:
            self._decoder.add_word(NOISE + phone.lower(), phone, False)
        self._grammar: str | None = None
        self._open = False
        self._wanted: str | None = None
        self._listening = False

    def expect(self, grammar: str | None) -> None:
        """Use a grammar (JSGF) from the next turn on, or None for everyday English."""
        self._wanted = grammar

    def unknown(self, words: Iterable[str]) -> list[str]:
        """Which of the words have no pronunciation."""
        return [word for word in words if self._decoder.lookup_word(word) is None]

    def learn(self, pronunciations: Mapping[str, str]) -> None:
        """Add words with their pronunciation in CMUdict's phonemes."""
        for word, phones in pronunciations.items():
            if phones and self._decoder.lookup_word(word) is None:
                self._decoder.add_word(word, phones, True)

    def process(self, pcm: bytes) -> None:
        """Continue the turn, or begin one."""
        if not self._listening:
            self._activate()
            self._decoder.start_utt()
            self._listening = True
        self._decoder.process_raw(pcm)

    def result(self) -> str:
        """End the turn; its words, NOT_UNDERSTOOD, or nothing if nothing was said."""
        if not self._listening:
            return ""
        self._listening = False
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        if hypothesis is None or not (words := hypothesis.hypstr.split()):
            return NOT_UNDERSTOOD
        return NOT_UNDERSTOOD if any(word.startswith(NOISE) for word in words) else " ".join(words)

    def drop(self) -> None:
        """End the turn and forget it."""
        if self._listening:
            self._listening = False
            self._decoder.end_utt()

    def forget(self) -> None:
        """Be ready for another caller."""
        self.drop()
        self.expect(None)
        self._decoder.set_cmn(_TELEPHONE)

    def _activate(self) -> None:
        if self._wanted is None:
            if not self._open:
                self._decoder.add_lm_file(_OPEN, get_model_path("en-us/en-us.lm.bin"))
                self._open = True
            self._decoder.activate_search(_OPEN)
        else:
            if self._wanted != self._grammar:
                self._decoder.add_jsgf_string(_GRAMMAR, self._wanted)
                self._grammar = self._wanted
            self._decoder.activate_search(_GRAMMAR)
