// The instrument view: its day as a chart, why each strategy bar was or was not traded, and what
// became of its orders. Opened from the scanner, `#/instrument/SYMBOL/STRATEGY`.

import { draw, verdict } from "/static/chart.js";
import { ask, byId, clock, element, instrumentHash, keepFresh, place, press, price, say, spaced } from "/static/page.js";
import { askTable, showTable } from "/static/tables.js";

const TABLES = ["trades", "orders", "positions"];
const precise = new Intl.NumberFormat("en-IN", { maximumFractionDigits: 4 });

const view = { key: "", byMinute: false, chosen: null, table: "trades", day: null };

async function refresh() {
  const [, symbol = "", wanted = ""] = place();
  const key = JSON.stringify([symbol, wanted]);
  if (key !== view.key) open(key, symbol);
  const path = `/api/instruments/${encodeURIComponent(symbol)}`;
  const [bars, decided, ...tables] = await Promise.all([
    ask(`${path}/bars`), ask(`${path}/decisions`), ...TABLES.map(askTable),
  ]);
  if (view.key !== key || place()[1] !== symbol) return; // left meanwhile
  if (!bars || !decided || tables.includes(null)) {
    say(byId("chart-note"), view.day ? "The daemon does not answer." : "There is nothing to show of this instrument.");
    return;
  }
  const [trades, orders, positions] = tables.map((rows) =>
    rows.filter((row) => row.instrument === symbol && (!wanted || row.strategy === wanted)));
  const decisions = decided.data.filter((bar) => !wanted || bar.strategy === wanted);
  view.day = { bars: bars.data.filter((bar) => bar.close !== null), decisions, trades, orders, positions };
  await show();
}

function open(key, symbol) {
  Object.assign(view, { key, chosen: null, day: null });
  say(byId("instrument-name"), symbol);
  say(byId("chart-note"), "Loading …");
  byId("chart").hidden = true;
  for (const id of ["instrument-strategies", "decided", "why", "instrument-table"]) byId(id).replaceChildren();
}

async function show() {
  showDecisions();
  showTable(byId("instrument-table"), view.table, view.day[view.table]);
  await showChart();
}

async function showChart() {
  if (!view.day) return;
  const { bars, decisions } = view.day;
  const some = view.byMinute ? bars.length : decisions.length;
  const none = bars.length ? "No strategy bar has closed yet; 1m bars are there." : "No bar yet today.";
  byId("chart").hidden = !some;
  say(byId("chart-note"), some ? "" : none);
  if (!some) return;
  const uses = view.key + view.byMinute;
  try {
    await draw(byId("chart"), { ...view.day, byMinute: view.byMinute }, uses, choose);
  } catch (error) {
    byId("chart").hidden = true;
    say(byId("chart-note"), error.message);
  }
}

// --- why, or why not -----------------------------------------------------------------------------

function choose(time) {
  view.chosen = time;
  showDecisions();
  byId("why").scrollIntoView({ block: "nearest" });
}

// One line for each strategy bar, newest first; the chosen one, else the last, is explained.
function showDecisions() {
  const bars = [...view.day.decisions].reverse();
  const chosen = bars.find((bar) => bar.time === view.chosen) ?? bars[0];
  const list = byId("decided");
  const scrolled = list.scrollTop;
  const focused = list.contains(document.activeElement);
  list.replaceChildren();
  for (const bar of bars) {
    const line = element("button", "decided", list);
    line.type = "button";
    line.setAttribute("aria-pressed", String(bar === chosen));
    say(element("span", "quiet", line), `${clock(bar.time)}–${clock(bar.close_time)}`);
    say(element("span", toneOf(bar), line), verdict(bar));
    line.addEventListener("click", () => choose(bar.time));
    if (focused && bar === chosen) line.focus({ preventScroll: true });
  }
  list.scrollTop = scrolled;
  byId("why").replaceChildren();
  if (chosen) explain(byId("why"), chosen);
}

const toneOf = (bar) => ({ ACTED: "pill good", REFUSED: "pill fair" })[bar.status] ?? "quiet";

function explain(parent, bar) {
  say(element("h3", "", parent), `${clock(bar.time)}–${clock(bar.close_time)} · ${bar.strategy}`);
  const facts = [
    `close ${price(bar.close)}`, `VWAP ${price(bar.vwap)}`, `ATR ${price(bar.atr)}`,
    `${bar.minutes_seen} of ${bar.minutes_expected} min${bar.gap ? ", with a gap" : ""}`,
  ];
  say(element("p", "quiet", parent), facts.join(" · "));
  say(element("p", "verdict " + toneOf(bar), parent), verdict(bar));
  if (bar.refusal) say(element("p", "", parent), refusalText(bar.refusal));
  const others = bar.events.slice(1).map(({ kind, side }) => `${kind} ${side}`);
  if (others.length) say(element("p", "quiet", parent), `Also raised on this bar, suppressed: ${others.join(", ")}.`);
  if (bar.gates.length) gateTable(parent, bar.gates);
}

function refusalText({ rule, value, limit }) {
  return `Rule ${spaced(rule)}: value ${shown(value)}, limit ${shown(limit)}.`;
}

const shown = (value) =>
  value === null ? "–" : typeof value === "string" ? clock(value) : precise.format(value);

function gateTable(parent, gates) {
  const table = element("table", "gates", parent);
  const head = element("tr", "", element("thead", "", table));
  for (const heading of ["Gate", "Value", "Threshold", "Passed"]) {
    say(element("th", heading === "Gate" ? "" : "number", head), heading);
  }
  const body = element("tbody", "", table);
  for (const { gate, value, threshold, passed } of gates) {
    const line = element("tr", "", body);
    say(element("td", "", line), spaced(gate));
    say(element("td", "number", line), shown(value));
    say(element("td", "number", line), shown(threshold));
    say(element("td", "number " + (passed ? "up" : "down"), line), passed ? "✓ yes" : "✗ no");
  }
}

// --- controls ------------------------------------------------------------------------------------

function group(attribute, pick) {
  const buttons = document.querySelectorAll(`[data-${attribute}]`);
  for (const button of buttons) {
    button.addEventListener("click", () => {
      press(buttons, button);
      pick(button.dataset[attribute]);
    });
  }
}

group("bars", (name) => {
  view.byMinute = name === "minute";
  showChart();
});
group("table", (name) => {
  view.table = name;
  if (view.day) showTable(byId("instrument-table"), name, view.day[name]);
});

// The strategies that scan this instrument, one chip each.
document.addEventListener("snapshot", ({ detail: { data } }) => {
  const [name, symbol, strategy] = place();
  if (name !== "instrument") return;
  const row = data.find((one) => one.instrument === symbol);
  say(byId("instrument-id"), row?.instrument_id ?? "");
  const names = data.filter((one) => one.instrument === symbol).map((one) => one.strategy);
  const chips = byId("instrument-strategies");
  if (chips.childElementCount === names.length && chips.dataset.of === view.key) return;
  chips.dataset.of = view.key;
  chips.replaceChildren();
  for (const one of names) {
    const chip = element("a", "chip", chips);
    chip.href = instrumentHash(symbol, one);
    if (one === strategy) chip.setAttribute("aria-current", "true");
    say(chip, one);
  }
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showChart);
keepFresh(["instrument"], refresh);
