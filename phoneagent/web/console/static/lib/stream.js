// Live data: server-sent events that resume where they broke off, and say when they are stale.

import { signal } from "../vendor/preact.js";
import { signIn } from "./api.js";

const STALE_AFTER_MS = 25_000; // the server says something every 10 s, if only `beat`
const RETRY_AFTER_MS = 2_000; // after an answer that is no stream, upon which the browser itself gives up

/**
 * Follow a stream of events. `handlers` has a function for each kind of event, which is given its data.
 * Returns `state`, a signal ("connecting", "live", "stale", or "gone" when there is nothing to follow any more), and
 * `close`.
 *
 * The browser sends `Last-Event-ID` by itself when it connects again, so nothing is lost and nothing comes twice; a new
 * `EventSource` is told everything.
 */
export function follow(url, handlers) {
  const state = signal("connecting");
  let source;
  let watchdog;
  let retry;
  let closed = false;

  function wait() {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => {
      state.value = "stale";
      source.close(); // a network that went away without a word would keep it for minutes
      connect();
    }, STALE_AFTER_MS);
  }

  function heard() {
    state.value = "live";
    wait();
  }

  function connect() {
    wait();
    source = new EventSource(url);
    source.addEventListener("beat", heard);
    for (const [kind, handle] of Object.entries(handlers)) {
      source.addEventListener(kind, (event) => {
        heard();
        handle(JSON.parse(event.data));
      });
    }
    source.onerror = () => {
      state.value = "stale";
      if (source.readyState === EventSource.CLOSED) ask();
    };
  }

  /** Why the browser has given up; unless there is nothing more to come, try again. */
  async function ask() {
    clearTimeout(watchdog);
    const answer = await fetch(url, { signal: AbortSignal.timeout(STALE_AFTER_MS) }).catch(() => null);
    answer?.body?.cancel();
    if (closed) return;
    if (answer?.status === 401) signIn();
    else if (answer?.status === 404 || answer?.status === 204) state.value = "gone";
    else retry = setTimeout(connect, RETRY_AFTER_MS);
  }

  function close() {
    closed = true;
    clearTimeout(watchdog);
    clearTimeout(retry);
    source.close();
  }

  connect();
  return { state, close };
}
