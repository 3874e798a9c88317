/**
 * How loud a call was: the caller's bars rise from the middle line, the agent's hang from it, marks stand below.
 *
 * @typedef {object} Mark
 * @property {number} at_s
 * @property {number} [until_s] of what lasted
 * @property {string} kind names its colour: `--mark-<kind>`, else `--muted`
 *
 * @typedef {object} View
 * @property {ArrayLike<number>} caller loudest samples, 0 to 1, one for each step
 * @property {ArrayLike<number>} agent the same of what the caller heard
 * @property {number} step_s
 * @property {number} [begins_s] when the first step begins; 0 if it is not said
 * @property {number} from_s the left edge
 * @property {number} to_s the right edge
 * @property {number} [playhead_s] what comes before it is shown as played; without it, all is
 * @property {Mark[]} [marks]
 */

const BAR = 2; // CSS pixels, as all that follows
const GAP = 1;
const MARKS = 10; // the height of the strip of marks
const QUIETEST = 1; // the height of silence: one sees that there was a recording

/** @type {WeakMap<HTMLCanvasElement, View>} */
const views = new WeakMap();

const resized = new ResizeObserver((entries) => entries.forEach(({ target }) => draw(target)));
document.addEventListener("themechange", () => {
  for (const canvas of document.querySelectorAll("canvas")) if (views.has(canvas)) draw(canvas);
});

/**
 * Show this on a canvas, which is as large as its style says; again when its size or the theme changes.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {View} view
 */
export function drawWaveform(canvas, view) {
  if (!views.has(canvas)) resized.observe(canvas);
  views.set(canvas, view);
  draw(canvas);
}

/**
 * The time that is shown at a place of the page, in seconds; that of the nearer edge if it is beside the canvas.
 *
 * @param {HTMLCanvasElement} canvas which shows something
 * @param {number} clientX as in a pointer's event
 */
export function timeAt(canvas, clientX) {
  const { left, width } = canvas.getBoundingClientRect();
  const { from_s, to_s } = views.get(canvas);
  return from_s + Math.min(1, Math.max(0, (clientX - left) / width)) * (to_s - from_s);
}

function draw(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const view = views.get(canvas);
  if (!width || !height || !(view.to_s > view.from_s)) return;
  const pen = fit(canvas, width, height);
  const style = getComputedStyle(canvas);
  const colour = (name) => style.getPropertyValue(name);
  const secondsPerPixel = (view.to_s - view.from_s) / width;
  const xOf = (at_s) => (at_s - view.from_s) / secondsPerPixel;
  const middle = (height - MARKS) / 2;
  const [caller, agent] = [colour("--caller"), colour("--agent")];

  const played = view.playhead_s === undefined ? width : xOf(view.playhead_s);
  for (let x = 0; x < width; x += BAR + GAP) {
    const start_s = view.from_s + x * secondsPerPixel;
    const end_s = start_s + (BAR + GAP) * secondsPerPixel;
    pen.globalAlpha = x < played ? 1 : 0.5;
    bar(pen, x, middle, -middle, loudest(view.caller, view, start_s, end_s), caller);
    bar(pen, x, middle, middle, loudest(view.agent, view, start_s, end_s), agent);
  }
  pen.globalAlpha = 1;

  for (const { at_s, until_s, kind } of view.marks ?? []) {
    pen.fillStyle = colour(`--mark-${kind}`) || colour("--muted");
    const x = xOf(at_s);
    const lasted = Math.max(3, xOf(until_s ?? at_s) - x);
    pen.beginPath();
    pen.roundRect(until_s === undefined ? x - 1.5 : x, height - MARKS + 4, lasted, MARKS - 4, 1.5);
    pen.fill();
  }
  if (view.playhead_s !== undefined) {
    pen.fillStyle = colour("--text");
    pen.fillRect(Math.min(width - 1, Math.max(0, played - 0.5)), 0, 1, height);
  }
}

/** The pen of an empty canvas with one point of the screen for each of its points. */
function fit(canvas, width, height) {
  const scale = devicePixelRatio || 1;
  const [across, down] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== across) canvas.width = across;
  if (canvas.height !== down) canvas.height = down;
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}

/** The loudest step within a time; undefined where there is none. */
function loudest(levels, { begins_s = 0, step_s }, start_s, end_s) {
  const first = Math.floor((start_s - begins_s) / step_s);
  const last = Math.max(first + 1, Math.ceil((end_s - begins_s) / step_s));
  let found;
  for (let step = Math.max(0, first); step < Math.min(last, levels.length); step += 1) {
    if (found === undefined || levels[step] > found) found = levels[step];
  }
  return found;
}

function bar(pen, x, middle, reach, level, colour) {
  if (level === undefined) return;
  const height = Math.max(QUIETEST, Math.sqrt(level) * Math.abs(reach)); // speech is far from full scale
  pen.fillStyle = colour;
  pen.fillRect(x, reach < 0 ? middle - height : middle, BAR, height);
}
