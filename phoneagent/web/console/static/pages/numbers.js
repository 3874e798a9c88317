// What calls come to: filters, tiles, a chart of each kind with its table, and the agents and numbers side by side.

import { html, render, useCallback, useEffect, useMemo, useState } from "../vendor/preact.js";
import { api } from "../lib/api.js";
import { Chart, dayName } from "../lib/chart.js";
import { count, latency, money, outcome } from "../lib/format.js";
import { icon } from "../lib/icon.js";
import { may } from "../lib/page.js";

const RANGES = [7, 30, 90];
const DAY_MS = 86_400_000;
const ASK_AGAIN_MS = 3_000;
const share = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });
const tenths = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const hundredths = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });

const percent = (value) => share.format(value);
const over = ({ outcomes }) => Object.values(outcomes).reduce((sum, calls) => sum + calls, 0);
const perCall = (one) => (over(one) ? one.interruptions / over(one) : null);
const failing = (one) => (one.tool_runs ? one.tool_failures / one.tool_runs : null);
const orNothing = (write) => (value) => (value === null || value === undefined ? "–" : write(value));
const ofDays = (label, color, of) => ({ label, color, of });

// `series` of a day's figures; `write` makes text of a value.
const CHARTS = [
  { id: "calls", title: "Calls", kind: "bars", write: count, whole: true, series: () => [ofDays("Calls", "--accent", (day) => day.calls)] },
  { id: "minutes", title: "Minutes", kind: "bars", write: tenths.format, series: () => [ofDays("Minutes", "--accent", (day) => day.minutes)] },
  { id: "cost", title: "Cost", kind: "bars", write: money, limited: true, series: () => [ofDays("Cost", "--accent", (day) => Number(day.usd))] },
  { id: "outcomes", title: "How calls ended", kind: "stack", write: percent, series: outcomeShares },
  {
    id: "latency",
    title: "Latency of answers",
    about: "from the end of the caller’s speech to the agent’s first audio",
    kind: "lines",
    write: latency,
    series: () => percentiles("latency_ms"),
  },
  {
    id: "first_word",
    title: "First word",
    about: "from the webhook to the agent’s first audio",
    kind: "lines",
    write: latency,
    series: () => percentiles("first_word_ms"),
  },
  {
    id: "interruptions",
    title: "Interruptions per call",
    kind: "bars",
    write: hundredths.format,
    series: () => [ofDays("Interruptions per call", "--caller", perCall)],
  },
  { id: "tools", title: "Tools that failed", kind: "bars", write: count, whole: true, series: () => [ofDays("Failures", "--bad", (day) => day.tool_failures)] },
];

const percentiles = (figure) => [
  ofDays("Half of them within", "--agent", (day) => day[figure]?.p50 ?? null),
  ofDays("95 % within", "--operator", (day) => day[figure]?.p95 ?? null),
];

function outcomeShares({ total }) {
  const words = Object.entries(total.outcomes).sort(([, one], [, other]) => other - one);
  return words.map(([word]) =>
    ofDays(outcome(word).label, `--outcome-${word}`, (day) => (over(day) ? (day.outcomes[word] ?? 0) / over(day) : null)),
  );
}

// What is asked for stands in the address.

const today = () => new Date().toISOString().slice(0, 10);
const shifted = (day, by) => new Date(Date.parse(day) + by * DAY_MS).toISOString().slice(0, 10);

function asked() {
  const given = new URLSearchParams(location.search);
  const day = (name) => (Number.isNaN(Date.parse(given.get(name))) ? null : given.get(name));
  const days = RANGES.find((range) => String(range) === given.get("days")) ?? 30;
  const range = { days, since: day("since"), until: day("until") };
  return { ...range, agent: given.get("agent") ?? "", number: given.get("number") ?? "" };
}

/** The question to the API. */
function question({ days, since, until, agent, number }) {
  const last = since ? until || today() : today();
  const from = since || shifted(last, 1 - days);
  return new URLSearchParams({ since: from, before: shifted(last, 1), ...(agent && { agent }), ...(number && { number }) });
}

function remember({ days, since, until, agent, number }) {
  const range = since ? { since, ...(until && { until }) } : { days };
  const told = new URLSearchParams({ ...range, ...(agent && { agent }), ...(number && { number }) });
  history.replaceState(null, "", `?${told}`);
}

const stillSumming = (days) => `${days === 1 ? "A day is" : `${count(days)} days are`} still being summed up: older figures are too low until then.`;

function Page() {
  const [wanted, setWanted] = useState(asked);
  const [report, setReport] = useState(null);
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(true);
  const want = useCallback((change) => setWanted((before) => ({ ...before, ...change })), []);

  useEffect(() => {
    remember(wanted);
    const abort = new AbortController();
    setBusy(true);
    api(`/api/statistics?${question(wanted)}`, { signal: abort.signal })
      .then((found) => {
        setReport(found);
        setProblem(null);
      }, (error) => error.name === "AbortError" || setProblem(error.message))
      .finally(() => abort.signal.aborted || setBusy(false));
    return () => abort.abort();
  }, [wanted]);

  useEffect(() => {
    if (busy || !report?.stale_days) return undefined;
    const again = setTimeout(() => want({}), ASK_AGAIN_MS);
    return () => clearTimeout(again);
  }, [busy, report, want]); // also when it was asked in vain

  return html`
    <${Filters} wanted=${wanted} want=${want} report=${report} />
    ${problem && html`<p class="banner bad" role="alert">${problem}</p>`}
    ${Boolean(report?.stale_days) && html`<p class="banner" role="status">${stillSumming(report.stale_days)}</p>`}
    <div class=${`stack ${busy ? "numbers-busy" : ""}`} aria-busy=${String(busy)}>
      ${report ? html`<${Report} report=${report} wanted=${wanted} want=${want} />` : busy && html`<p class="skeleton" role="status">Loading…</p>`}
    </div>
  `;
}

function Filters({ wanted, want, report }) {
  const custom = Boolean(wanted.since);
  const days = report?.days ?? [];
  const pick = (range) => want({ days: range, since: null, until: null });
  const open = () => want({ since: days[0]?.day ?? shifted(today(), -29), until: days.at(-1)?.day ?? today() });
  const dated = (name) => ({ target }) => target.validity.valid && target.value && want({ [name]: target.value });
  return html`
    <form class="filters" onSubmit=${(event) => event.preventDefault()}>
      <div class="row" role="group" aria-label="Days">
        ${RANGES.map((range) => html`
          <button type="button" aria-pressed=${String(!custom && wanted.days === range)} onClick=${() => pick(range)}>${range} days</button>
        `)}
        <button type="button" aria-pressed=${String(custom)} onClick=${open}>Other days</button>
      </div>
      ${custom && html`
        <label class="field"><span>From</span><input type="date" value=${wanted.since} max=${wanted.until ?? today()} onChange=${dated("since")} /></label>
        <label class="field"><span>To</span><input type="date" value=${wanted.until ?? ""} min=${wanted.since} onChange=${dated("until")} /></label>
      `}
      <${Choice} label="Agent" name="agent" chosen=${wanted.agent} found=${report?.agents ?? []} want=${want} />
      <${Choice} label="Number" name="number" chosen=${wanted.number} found=${report?.numbers ?? []} want=${want} />
    </form>
  `;
}

function Choice({ label, name, chosen, found, want }) {
  const names = [...new Set([...found.map((one) => one[name]), ...(chosen ? [chosen] : [])])].sort();
  return html`
    <label class="field"><span>${label}</span>
      <select value=${chosen} onChange=${({ target }) => want({ [name]: target.value })}>
        <option value="">All</option>
        ${names.map((one) => html`<option key=${one} value=${one} selected=${one === chosen}>${one}</option>`)}
      </select>
    </label>
  `;
}

function Report({ report, wanted, want }) {
  if (!report.total.calls) return html`<${Empty} wanted=${wanted} want=${want} />`;
  return html`
    <${Tiles} total=${report.total} />
    <div class="charts">${CHARTS.map((chart) => html`<${Card} key=${chart.id} chart=${chart} report=${report} wanted=${wanted} />`)}</div>
    <${Groups} title="Agents" name="agent" groups=${report.agents} wanted=${wanted} want=${want} />
    <${Groups} title="Numbers of ours" name="number" groups=${report.numbers} wanted=${wanted} want=${want} />
    <p class="muted small">Days are UTC, and calls count on the day they began. Calls that were deleted still count.</p>
  `;
}

function Empty({ wanted, want }) {
  const chosen = wanted.agent || wanted.number;
  return html`
    <div class="empty">
      <h2>${chosen ? "No such calls in these days" : "No calls in these days"}</h2>
      ${chosen
        ? html`<p class="anywhere">Nobody called ${[wanted.agent, wanted.number].filter(Boolean).join(" on ")}.</p>
            <button type="button" onClick=${() => want({ agent: "", number: "" })}>Show all calls</button>`
        : html`<p>As soon as somebody calls, this page counts.</p>
            ${may("call") && html`<a class="button primary" href="/phone">${icon("call")} Talk to an agent</a>`}`}
    </div>
  `;
}

function Tiles({ total }) {
  const seconds = (figure) => [latency(total[figure]?.p50) || "–", total[figure] && `95 % within ${latency(total[figure].p95)}`];
  const tiles = [
    ["Calls", count(total.calls), `${tenths.format(total.minutes)} minutes`],
    ["Cost", money(total.usd), total.calls > 0 && `${money(total.usd / total.calls)} a call`],
    ["Latency of answers", ...seconds("latency_ms")],
    ["First word", ...seconds("first_word_ms")],
    ["Interruptions", count(total.interruptions), `${orNothing(hundredths.format)(perCall(total))} per call`],
    ["Tools that failed", count(total.tool_failures), `of ${count(total.tool_runs)} runs`],
  ];
  return html`
    <dl class="tiles">
      ${tiles.map(([name, value, note]) => html`
        <div class="tile" key=${name}><dt>${name}</dt><dd>${value}</dd>${note && html`<dd class="note small">${note}</dd>`}</div>
      `)}
    </dl>
  `;
}

function Card({ chart, report, wanted }) {
  const [at, setAt] = useState(null);
  const { dates, series } = useMemo(() => {
    const told = chart.series(report);
    return { dates: report.days.map(({ day }) => day), series: told.map((one) => ({ ...one, values: report.days.map(one.of) })) };
  }, [chart, report]);
  const write = orNothing(chart.write);
  const measured = series.some(({ values }) => values.some((value) => value !== null));
  const limit = chart.limited && report.day_usd !== null ? Number(report.day_usd) : null;
  const reading = (index) => series.map(({ label, values }) => `${label} ${write(values[index])}`).join(", ");
  return html`
    <section class="card chart" aria-labelledby=${`${chart.id}-title`}>
      <div class="head">
        <h2 id=${`${chart.id}-title`}>${chart.title}</h2>
        <a class="small" href=${`/api/statistics/${chart.id}.csv?${question(wanted)}`} download aria-label=${`CSV of ${chart.title}`}>CSV</a>
      </div>
      ${chart.about && html`<p class="muted small">${chart.about}</p>`}
      ${measured
        ? html`<${Chart} dates=${dates} series=${series} kind=${chart.kind} limit=${limit} write=${chart.write} whole=${chart.whole} onPoint=${setAt}
            label=${`${chart.title}, by day: the table below says the same`} />`
        : html`<p class="muted">There was nothing to measure in these days.</p>`}
      <p class="reading muted small tabular" aria-hidden="true">${at === null ? "" : `${dayName(dates[at])}: ${reading(at)}`}</p>
      ${(series.length > 1 || limit !== null) && html`
        <ul class="legend small">
          ${series.map(({ label, color }) => html`<${Entry} key=${label} label=${label} color=${color} />`)}
          ${limit !== null && html`<${Entry} label=${`Limit of a day: ${money(limit)}`} color="--bad" />`}
        </ul>
      `}
      <details class="small">
        <summary>Table<span class="visually-hidden"> of ${chart.title}</span></summary>
        <div class="scroll" tabindex="0" role="region" aria-label=${`Table of ${chart.title}`}>
          <table class="table">
            <thead><tr><th scope="col">Day</th>${series.map(({ label }) => html`<th scope="col" class="num" key=${label}>${label}</th>`)}</tr></thead>
            <tbody>
              ${dates.map((day, index) => html`
                <tr key=${day}><th scope="row">${dayName(day)}</th>${series.map(({ values }) => html`<td class="num">${write(values[index])}</td>`)}</tr>
              `)}
            </tbody>
          </table>
        </div>
      </details>
    </section>
  `;
}

function Entry({ label, color }) {
  return html`<li><span class="swatch" style=${{ background: `var(${color}, var(--muted))` }}></span>${label}</li>`;
}

function Groups({ title, name, groups, wanted, want }) {
  const columns = [
    ["Calls", (one) => count(one.calls)],
    ["Minutes", (one) => tenths.format(one.minutes)],
    ["Cost", (one) => money(one.usd)],
    ["Latency", (one) => orNothing(latency)(one.latency_ms?.p50)],
    ["95 % within", (one) => orNothing(latency)(one.latency_ms?.p95)],
    ["Interruptions per call", (one) => orNothing(hundredths.format)(perCall(one))],
    ["Tools that failed", (one) => orNothing(percent)(failing(one))],
  ];
  return html`
    <section class="card" aria-labelledby=${`${name}-groups`}>
      <h2 id=${`${name}-groups`}>${title}</h2>
      <table class="table cards-when-narrow">
        <thead><tr><th scope="col">${name === "agent" ? "Agent" : "Number"}</th>${columns.map(([label]) => html`<th scope="col" class="num">${label}</th>`)}</tr></thead>
        <tbody>
          ${groups.map((one) => html`
            <tr key=${one[name]} aria-selected=${String(one[name] === wanted[name])}>
              <td class="whole anywhere">
                <button type="button" class="quiet" aria-pressed=${String(one[name] === wanted[name])}
                  onClick=${() => want({ [name]: one[name] === wanted[name] ? "" : one[name] })}>${one[name]}</button>
              </td>
              ${columns.map(([label, of]) => html`<td class="num tabular" data-label=${label}>${of(one)}</td>`)}
            </tr>
          `)}
        </tbody>
      </table>
    </section>
  `;
}

const root = document.getElementById("numbers");
root.replaceChildren();
render(html`<${Page} />`, root);
