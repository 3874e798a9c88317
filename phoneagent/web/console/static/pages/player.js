// Plays a call's recordings beside its transcript: each leads to the other.

import { api } from "../lib/api.js";
import { duration } from "../lib/format.js";
import { onKey } from "../lib/keys.js";
import { complain } from "../lib/toast.js";
import { drawWaveform, timeAt } from "../lib/waveform.js";

const STEP_S = 5;
const still = matchMedia("(prefers-reduced-motion: reduce)");

/**
 * @param {HTMLElement} player with the audio, and what steers it
 * @param {HTMLElement} timeline whose items say in `data-at` when they were, in seconds of the call
 */
export function play(player, timeline) {
  const part = (selector) => player.querySelector(selector);
  const audio = part("audio");
  const [position, canvas, time, follow] = ["#position", "canvas", "#time", "#follow"].map(part);
  const items = [...timeline.querySelectorAll("[data-at]")];
  const marks = items.filter((item) => item.dataset.kind).map(({ dataset }) => ({
    kind: dataset.kind,
    at_s: Number(dataset.at),
    until_s: dataset.until && Number(dataset.until),
  }));

  let begins_s; // the recording, on the clock of the call
  let lasts_s;
  let peaks;
  let current; // the item that is being played

  const started = () => audio.currentTime > 0 || !audio.paused;
  const now_s = () => begins_s + audio.currentTime;

  function show() {
    const [played, all] = [duration(audio.currentTime), duration(lasts_s)];
    time.textContent = `${played} / ${all}`;
    position.setAttribute("aria-valuenow", Math.round(audio.currentTime));
    position.setAttribute("aria-valuetext", `${played} of ${all}`);
    drawWaveform(canvas, {
      caller: peaks?.caller ?? [],
      agent: peaks?.agent ?? [],
      step_s: peaks?.step_s ?? 1,
      begins_s,
      from_s: begins_s,
      to_s: begins_s + lasts_s,
      playhead_s: started() ? now_s() : undefined,
      marks,
    });
    mark(items.findLast((item) => Number(item.dataset.at) <= now_s() + 0.05));
  }

  function mark(item) {
    if (!started() || item === current) return;
    current?.removeAttribute("aria-current");
    current = item;
    current?.setAttribute("aria-current", "true");
    if (following()) current?.scrollIntoView({ block: "nearest", behavior: still.matches ? "instant" : "smooth" });
  }

  const following = () => follow.getAttribute("aria-pressed") === "true";
  const setFollowing = (on) => follow.setAttribute("aria-pressed", on);

  function seek(call_s) {
    audio.currentTime = Math.min(lasts_s, Math.max(0, call_s - begins_s));
    show();
  }

  function start() {
    setFollowing(true);
    audio.play().catch((error) => error.name === "AbortError" || complain(new Error("The recording can't be played.")));
  }

  const toggle = () => (audio.paused ? start() : audio.pause());

  async function load() {
    const chosen = part("#recording").selectedOptions[0];
    const query = new URLSearchParams({ name: chosen.value });
    const url = `/api/calls/${player.dataset.call}/recording`;
    begins_s = Number(chosen.dataset.at);
    lasts_s = Number(chosen.dataset.duration);
    peaks = undefined;
    position.setAttribute("aria-valuemax", Math.round(lasts_s));
    audio.src = `${url}?${query}`;
    audio.playbackRate = Number(part("#speed").value);
    show();
    try {
      const found = await api(`${url}/peaks?${query}`);
      if (chosen.selected) peaks = found;
      show();
    } catch (error) {
      complain(error);
    }
  }

  // Steering

  part("#play").addEventListener("click", toggle);
  part("#recording").addEventListener("change", load);
  part("#speed").addEventListener("change", ({ target }) => (audio.playbackRate = Number(target.value)));
  follow.addEventListener("click", () => {
    setFollowing(!following());
    if (following()) current?.scrollIntoView({ block: "nearest" });
  });

  position.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    position.setPointerCapture(event.pointerId);
    seek(timeAt(canvas, event.clientX));
  });
  position.addEventListener("pointermove", (event) => {
    if (position.hasPointerCapture(event.pointerId)) seek(timeAt(canvas, event.clientX));
  });
  position.addEventListener("keydown", (event) => {
    const to_s = { Home: begins_s, End: begins_s + lasts_s, ArrowDown: now_s() - 1, ArrowUp: now_s() + 1 }[event.key];
    if (to_s === undefined) return;
    event.preventDefault();
    seek(to_s);
  });
  onKey(" ", "Play or pause the recording", toggle);
  onKey("ArrowLeft", `Back ${STEP_S} seconds`, () => seek(now_s() - STEP_S));
  onKey("ArrowRight", `Forward ${STEP_S} seconds`, () => seek(now_s() + STEP_S));

  timeline.addEventListener("click", (event) => {
    const item = event.target.closest("[data-at]");
    const other = event.target.closest("summary, pre, a, button:not(.at)");
    if (!item || other || String(getSelection())) return; // who marks words wants to copy them
    seek(Number(item.dataset.at));
    start();
  });
  for (const kind of ["wheel", "touchmove"]) addEventListener(kind, () => setFollowing(false), { passive: true });

  // The audio itself

  function run() {
    show();
    if (!audio.paused) requestAnimationFrame(run);
  }
  audio.addEventListener("play", () => {
    player.classList.add("playing");
    part("#play").setAttribute("aria-label", "Pause");
    run();
  });
  for (const kind of ["pause", "ended"]) {
    audio.addEventListener(kind, () => {
      player.classList.remove("playing");
      part("#play").setAttribute("aria-label", "Play");
      show();
    });
  }
  audio.addEventListener("seeked", show);
  audio.addEventListener("error", () => complain(new Error("The recording can't be had: it may have been moved or deleted.")));

  load();
}
