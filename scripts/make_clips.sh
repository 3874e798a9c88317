#!/bin/sh
# Make the caller's lines of the demo, as a telephone would carry them. Needs flite (Debian: apt install flite).
set -eu
cd "$(dirname "$0")/../phoneagent/simulate"
mkdir -p clips
line() { # name, voice, words
    flite -voice "$2" -t "$3" -o "clips/$1.wide.wav"
    "${PYTHON:-python3}" - "clips/$1.wide.wav" "clips/$1.wav" <<'PYTHON'
import sys, wave
import numpy as np, soxr

with wave.open(sys.argv[1]) as wide:
    rate, pcm = wide.getframerate(), np.frombuffer(wide.readframes(wide.getnframes()), "<i2")
with wave.open(sys.argv[2], "wb") as narrow:
    narrow.setnchannels(1)
    narrow.setsampwidth(2)
    narrow.setframerate(8000)
    narrow.writeframes(soxr.resample(pcm, rate, 8000).tobytes())
PYTHON
    rm "clips/$1.wide.wav"
}
line 1-book rms "I'd like to book a table for four people tomorrow at seven."
line 2-correct rms "No wait, make it eight o'clock please."
line 3-confirm rms "Yes please, go ahead."
line 4-goodbye rms "No, goodbye."
