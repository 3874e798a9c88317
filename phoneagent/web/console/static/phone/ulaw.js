// G.711 µ-law: a telephone's 8 bits for 14 of a sample's 16. Bit for bit what Python's audioop makes of it.

const BIAS = 33; // of 14 bits, like
const LOUDEST = 8158; // what is louder is written like this

export const SILENCE = 0xff;

/** A sample, -32768 to 32767, as a byte. */
export function encode(sample) {
  const fine = sample >> 2;
  const mask = fine < 0 ? 0x7f : 0xff;
  const magnitude = Math.min(Math.abs(fine), LOUDEST) + BIAS;
  const segment = 26 - Math.clz32(magnitude); // 33…63 is in the first, each is twice as wide as the one before
  return ((segment << 4) | ((magnitude >> (segment + 1)) & 0x0f)) ^ mask;
}

/** A byte as a sample, -32124 to 32124. */
export function decode(byte) {
  const bits = ~byte;
  const magnitude = ((((bits & 0x0f) << 3) + 0x84) << ((bits & 0x70) >> 4)) - 0x84;
  return bits & 0x80 ? -magnitude : magnitude;
}

const DECODED = Float32Array.from({ length: 256 }, (_, byte) => decode(byte) / 32768);

/** Bytes as samples of Web Audio, -1 to 1. */
export const toFloats = (bytes) => Float32Array.from(bytes, (byte) => DECODED[byte]);

/** A sample of Web Audio, which may be beyond -1 and 1, as a byte. */
export const fromFloat = (sample) => encode(Math.max(-32768, Math.min(32767, Math.round(sample * 32768))));
