// How things are written, everywhere alike.

const usd = new Intl.NumberFormat(undefined, { style: "currency", currency: "USD" });
const usdFine = new Intl.NumberFormat(undefined, { style: "currency", currency: "USD", maximumFractionDigits: 4 });
const whole = new Intl.NumberFormat();
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** Dollars; of less than a dollar also the hundredths of cents that calls cost. */
export const money = (text) => (Math.abs(Number(text)) < 1 ? usdFine : usd).format(Number(text));
export const count = (number) => whole.format(number);

/** 75.2 → "1:15", 3700 → "1:01:40". */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  const total = Math.max(0, Math.floor(seconds));
  const [hours, minutes] = [Math.floor(total / 3600), Math.floor(total / 60) % 60];
  const tail = String(total % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

/** 840 → "840 ms", 1240 → "1.2 s". */
export function latency(ms) {
  if (ms === null || ms === undefined) return "";
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** A moment in the browser's own time zone. */
export const when = (iso) => moment.format(new Date(iso));
export const timeOfDay = (iso) => clock.format(new Date(iso));

const OUTCOMES = {
  caller_hung_up: ["Caller hung up", "good"],
  agent_hung_up: ["Agent hung up", "good"],
  transferred: ["Transferred", "good"],
  caller_silent: ["Caller silent", ""],
  time_limit: ["Time limit", "warn"],
  cost_limit: ["Cost limit", "warn"],
  machine: ["Machine", ""],
  left_message: ["Left a message", "good"],
  hung_up: ["Hung up by us", ""],
  failed: ["Failed", "bad"],
  lost: ["Lost", "bad"],
};

/** An outcome in words, and the class of its badge. */
export function outcome(word) {
  if (!word) return { label: "Live", kind: "accent" };
  const [label, kind] = OUTCOMES[word] ?? [word.replaceAll("_", " "), ""];
  return { label, kind };
}
