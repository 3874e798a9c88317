// One call in progress, as the service tells of it.

import { batch, computed, signal } from "../vendor/preact.js";
import { follow } from "../lib/stream.js";
import { Levels } from "./levels.js";

/**
 * Follow a call. Returns signals: `call` (null until it is known), `items` (what the transcript shows, in order), `over`
 * (how it ended, null while it goes on), `stream` (the state of the connection), and `levels`, how loud it was.
 */
export function watchCall(id) {
  const call = signal(null);
  const turns = signal(new Map());
  const tools = signal(new Map());
  const events = signal(new Map());
  const over = signal(null);
  const levels = new Levels();

  const into = (known, key) => (thing) => (known.value = new Map(known.value).set(thing[key], thing));
  const all = (things, key) => new Map(things.map((thing) => [thing[key], thing]));

  const { state, close } = follow(`/api/calls/${encodeURIComponent(id)}/live`, {
    snapshot: (now) =>
      batch(() => {
        call.value = now.call;
        turns.value = all(now.turns, "turn_id");
        tools.value = all(now.tools, "tool_call_id");
        events.value = all(now.events, "number");
        levels.begin(now.now_s);
      }),
    call: (now) => (call.value = now),
    turn: into(turns, "turn_id"),
    tool: into(tools, "tool_call_id"),
    event: into(events, "number"),
    levels: (more) => levels.add(more),
    over: (end) => {
      over.value = end;
      close();
    },
  });
  const items = computed(() => inOrder([...turns.value.values()], [...tools.value.values()], [...events.value.values()]));
  return { id, call, items, over, levels, stream: state, close };
}

/** Turns in their places; between them, by the time, what else happened. */
export function inOrder(turns, tools, events) {
  const spoken = turns.filter(({ text, unheard }) => text || unheard).sort((a, b) => a.place - b.place);
  const others = [
    ...tools.map((tool) => ({ type: "tool", key: `tool ${tool.tool_call_id}`, at_s: tool.at_s, thing: tool })),
    ...events.map((event) => ({ type: "event", key: `event ${event.number}`, at_s: event.at_s, thing: event })),
  ].sort((a, b) => a.at_s - b.at_s);
  const items = [];
  for (const turn of spoken) {
    while (others.length && others[0].at_s < turn.at_s) items.push(others.shift());
    items.push({ type: "turn", key: `turn ${turn.turn_id}`, at_s: turn.at_s, thing: turn });
  }
  return [...items, ...others];
}
