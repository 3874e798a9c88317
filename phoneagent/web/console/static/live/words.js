// How calls in progress are told of in words.

/** Somebody's number, or their name if they call from a browser. */
export function party(address) {
  if (!address) return "Unknown";
  return address.startsWith("client:") ? `${address.slice("client:".length)} (browser)` : address;
}

const STATES = {
  connecting: ["Connecting", ""],
  talking: ["Talking", "good"],
  away: ["Away", "warn"],
  taken_over: ["Taken over", "operator"],
  ending: ["Saying goodbye", "warn"],
  over: ["Ended", ""],
};

/** The state of a call, and the class of its badge. */
export function stateOf({ state, taken_over_by: by }) {
  const [label, kind] = STATES[state] ?? [state, ""];
  return { label: state === "taken_over" && by ? `Taken over by ${by}` : label, kind };
}

const VOICES = { caller: "Caller", agent: "Agent", operator: "Operator" };
export const voice = (speaker) => VOICES[speaker] ?? speaker;

/** Who is speaking, in words; empty when nobody is. */
export const speaking = ({ speaking: who }) =>
  who.length ? `${who.map(voice).join(" and ")} speaking` : "";

const ACTIONS = {
  whisper: ({ by, text }) => [`${by} whispered to the agent`, text],
  say: ({ by, text }) => [`${by} had the agent say`, text],
  take_over: ({ by }) => [`${by} took over`],
  hand_back: ({ by }) => [`${by} handed the call back`],
  transfer: ({ by, to }) => [to ? `${by} began a transfer to ${to}` : `${by} began a transfer`],
  hang_up: ({ by }) => [`${by} hung up`],
  listen: ({ by }) => [`${by} listens in`],
};

const EVENTS = {
  barge_in: ({ heard_ms }) =>
    heard_ms === undefined ? ["The caller interrupted"] : [`The caller interrupted after ${(heard_ms / 1000).toFixed(1)} s`],
  digits: ({ digits, secure }) => [secure ? "The caller typed something secret" : "The caller typed", digits],
  consent: ({ given }) => [given ? "The caller agreed to be recorded" : "The caller does not want to be recorded"],
  recording: ({ on }) => [on ? "The call is recorded" : "The recording stopped"],
  agent_took_over: ({ agent }) => [`${agent} speaks now`],
  transfer: ({ to, state, why }) => [`Transfer to ${to}: ${state?.replaceAll("_", " ")}`, why],
  machine: ({ message }) => [message ? "A machine answered: a message is left" : "A machine answered"],
  limit: ({ limit, level, spent_usd, limit_usd }) => [
    level === "over" ? "A limit of money is reached" : "A limit of money is nearly reached",
    `${limit}: $${spent_usd} of $${limit_usd}`,
  ],
  engine_error: ({ code, message }) => [`The engine reported ${code}`, message],
  response_failed: ({ code, message }) => [`The engine failed to answer: ${code}`, message],
  session_lost: ({ code, message }) => [`The engine's session was lost: ${code}`, message],
  message: () => ["The caller left a message"],
  operator: (data) => ACTIONS[data.action]?.(data) ?? [`${data.by}: ${data.action}`],
};

/** Something that happened: a title, and what belongs to it, which may be somebody's words. */
export function happening({ kind, data }) {
  const [title, text] = EVENTS[kind]?.(data) ?? [sentence(kind)];
  return { title, text };
}

const sentence = (word) => (word[0].toUpperCase() + word.slice(1)).replaceAll("_", " ");

const TROUBLE = new Set(["engine_error", "response_failed", "session_lost", "limit"]);

/** The icon of something that happened, and the class of its colour. */
export function look({ kind, data }) {
  if (kind === "operator") return { icon: OPERATOR_ICONS[data.action] ?? "person", kind: "operator" };
  return { icon: EVENT_ICONS[kind] ?? "now", kind: TROUBLE.has(kind) ? "bad" : "" };
}

const OPERATOR_ICONS = {
  whisper: "whisper",
  say: "say",
  take_over: "microphone",
  hand_back: "agents",
  transfer: "transfer",
  hang_up: "hang-up",
  listen: "listen",
};
const EVENT_ICONS = {
  barge_in: "interruption",
  digits: "keypad",
  agent_took_over: "agents",
  transfer: "transfer",
  limit: "warning",
  engine_error: "warning",
  response_failed: "warning",
  session_lost: "warning",
};

const REFUSALS = {
  taken: ({ by }) => `${by ?? "Another operator"} has the call.`,
  not_taken: () => "You do not have the call any more.",
  away: () => "The caller can't hear us right now: they are being connected with somebody else.",
  not_streaming: () => "The caller can't hear us yet.",
  ending: () => "The call is ending.",
  full: () => "Too many listen to this call already.",
  NotAllowedError: () => "The browser may not use the microphone. Allow it beside the address of this page, and try again.",
  NotFoundError: () => "There is no microphone. Connect one, and try again.",
  NotReadableError: () => "The microphone is in use by another program. Close that, and try again.",
  SecurityError: () => "Browsers give their microphone only to pages that come by https, or from this machine.",
};

/** Why something could not be done: what the socket refuses (`reason`, `by`), the API does, or the browser. */
export function inWords(problem) {
  const refusal = REFUSALS[problem.reason ?? problem.name];
  if (refusal) return refusal(problem);
  const { message } = problem;
  return message ? message[0].toUpperCase() + message.slice(1) : "That can't be done now.";
}
