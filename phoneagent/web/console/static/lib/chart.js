// A chart of days: bars, lines or a stack of shares, drawn by uPlot in the colours of the theme.

import uPlot from "../vendor/uplot.js";
import { html, useEffect, useRef } from "../vendor/preact.js";
import { token } from "./theme.js";

const HEIGHT = 200;
const DAY_S = 86_400;
const STEPS = [1, 2, 7, 14, 28, 91, 182].map((days) => days * DAY_S); // between the days that are named below
const WHOLE = [1, 2, 5].flatMap((step) => [0, 1, 2, 3, 4, 5].map((zeros) => step * 10 ** zeros)).sort((a, b) => a - b);
const MOST_OVER = 3; // a limit that is further above what was used would only flatten it

const days = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
const seconds = (day) => Date.parse(day) / 1000; // midnight, UTC
const bars = uPlot.paths.bars({ size: [0.8, 28], radius: 0.1 });

/** A day in words. */
export const dayName = (day) => days.format(new Date(day));

/**
 * Draw it. `series`: [{ label, color, values }], a value for each of `dates`, null where there is none; `color` is the
 * name of a token. `kind`: "bars", "lines" or "stack", of which every series stands upon the one before. `limit` is a line
 * across. `write` makes text of a value; `whole` are values without fractions. `onPoint` is told of the day that is pointed at by its index, or null.
 */
export function Chart({ dates, series, kind, limit = null, write, whole = false, label, onPoint }) {
  const host = useRef();
  useEffect(() => {
    const plot = new uPlot(options({ series, kind, limit, write, whole, onPoint }, host.current), data(dates, series, kind, limit), host.current);
    const redraw = () => plot.redraw(false);
    const resized = new ResizeObserver(([{ contentRect }]) => plot.setSize({ width: contentRect.width, height: HEIGHT }));
    resized.observe(host.current);
    document.addEventListener("themechange", redraw);
    return () => {
      document.removeEventListener("themechange", redraw);
      resized.disconnect();
      plot.destroy();
    };
  }, [dates, series, kind, limit]);
  return html`<div class="plot" ref=${host} role="img" aria-label=${label}></div>`;
}

/** Whether a limit is near enough to be drawn. */
const shown = (limit, series) => limit !== null && limit <= MOST_OVER * Math.max(0, ...series.flatMap(({ values }) => values));

function data(dates, series, kind, limit) {
  const rows = series.map(({ values }) => values);
  const drawn = kind === "stack" ? stacked(rows) : rows;
  const line = shown(limit, series) ? [dates.map(() => limit)] : [];
  return [dates.map(seconds), ...drawn, ...line];
}

/** Each on top of those before it; the highest first, so that the others are drawn over it. */
function stacked(rows) {
  const below = (upTo, day) => rows.slice(0, upTo + 1).reduce((sum, values) => sum + (values[day] ?? 0), 0);
  return rows.map((values, row) => values.map((_, day) => below(row, day))).reverse();
}

function options({ series, kind, limit, write, whole, onPoint }, host) {
  const ordered = kind === "stack" ? [...series].reverse() : series;
  const axis = { stroke: () => token("--muted"), font: `12px ${token("--font")}`, ticks: { show: false } };
  const line = { stroke: () => token("--bad"), dash: [6, 4], width: 2, points: { show: false } };
  return {
    width: host.clientWidth || 300,
    height: HEIGHT,
    padding: [10, 6, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: kind === "lines" }, drag: { x: false, y: false } },
    scales: {
      x: { time: false, range: (_, from, to) => [from - DAY_S / 2, to + DAY_S / 2] },
      y: { range: (_, __, highest) => [0, kind === "stack" ? 1 : highest > 0 ? highest * 1.08 : 1] },
    },
    axes: [
      { ...axis, incrs: STEPS, space: 60, size: 28, grid: { show: false }, values: (_, at) => at.map((x) => days.format(x * 1000)) },
      {
        ...axis,
        ...(whole && { incrs: WHOLE }),
        grid: { stroke: () => token("--line"), width: 1 },
        values: (_, at) => at.map(write),
        size: (_, texts) => 14 + 7 * Math.max(1, ...(texts ?? []).map((text) => text.length)),
      },
    ],
    series: [
      {},
      ...ordered.map(({ color }) =>
        kind === "lines"
          ? { stroke: () => token(color), width: 2 }
          : { fill: () => token(color), stroke: () => token(color), width: 0, paths: bars, points: { show: false } },
      ),
      ...(shown(limit, series) ? [line] : []),
    ],
    hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)] },
  };
}
