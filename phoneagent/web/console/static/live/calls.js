// All calls in progress, as the service tells of them.

import { batch, signal } from "../vendor/preact.js";
import { follow } from "../lib/stream.js";

const LINGERS_MS = 4_000; // a call that is over, so that one sees that it is

/**
 * Follow all calls. Returns signals: `service` (null until it is known), `calls` (the oldest first; one that is over
 * stays for a moment, in the state "over"), `stream` (the state of the connection); and `sweep`, which takes those away
 * whose moment is past. `arrived` is told of each new call; none goes while `held` says that somebody is about to click.
 */
export function watchCalls(arrived, held) {
  const service = signal(null);
  const calls = signal([]);

  const put = (call) => {
    const known = calls.value.some(({ id }) => id === call.id);
    calls.value = known
      ? calls.value.map((each) => (each.id === call.id ? call : each))
      : [...calls.value, call].sort((a, b) => a.began.localeCompare(b.began) || a.id.localeCompare(b.id));
    if (!known) arrived(call);
  };
  const end = (call) => ({ ...call, state: "over", speaking: [], listeners: 0, over_since: call.over_since ?? Date.now() });
  const sweep = () => {
    if (held()) return;
    const stays = ({ state, over_since }) => state !== "over" || Date.now() - over_since < LINGERS_MS;
    if (!calls.value.every(stays)) calls.value = calls.value.filter(stays);
  };
  const over = (ids) => {
    calls.value = calls.value.map((call) => (ids.has(call.id) ? end(call) : call));
    setTimeout(sweep, LINGERS_MS + 100);
  };

  const { state } = follow("/api/live", {
    snapshot: (now) =>
      batch(() => {
        service.value = now.service;
        const live = new Set(now.calls.map(({ id }) => id));
        over(new Set(calls.value.filter(({ id }) => !live.has(id)).map(({ id }) => id)));
        now.calls.forEach(put);
      }),
    call: put,
    gone: ({ id }) => over(new Set([id])),
    service: (now) => (service.value = now),
  });

  return { service, calls, stream: state, sweep };
}
