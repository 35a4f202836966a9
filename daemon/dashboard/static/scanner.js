// The scanner: a row for each strategy and instrument. It shows what the daemon says and computes
// nothing: every value arrives as JSON and reaches the page through textContent.

import { arrow, byId, clock, count, element, instrumentHash, press, price, rupees, say, spaced, tone } from "/static/page.js";

const PAGE_ROWS = 100; // a browser lays out so many without a pause
const COLUMNS = [
  ["instrument", "Instrument"], ["strategy", "Strategy"], ["bias", "Bias"], ["state", "State"],
  ["signal", "Last signal"], ["bar", "Last bar"], ["meter", "Current bar"],
  ["position", "Position"], ["money", "Day P&L"],
];
const STATE_TONE = { TRIGGERED: "good", REFUSED: "fair", WATCHING: "", WARMING: "info" };
const STATUS_TONE = { RUNNING: "", WAITING: "", STALE: "fair", HALTED: "bad", OFF: "bad" };

const levels = ({ stop, target }) => `stop ${price(stop)} · target ${price(target)}`;

const still = matchMedia("(prefers-reduced-motion: reduce)");

function flash(cell) {
  if (!still.matches) cell.animate([{ backgroundColor: "var(--flash)" }, {}], { duration: 1200, easing: "ease-out" });
}

// --- one row ----------------------------------------------------------------------------------

class Row {
  constructor() {
    this.line = element("tr");
    this.line.addEventListener("click", () => {
      location.hash = this.link;
    });
    this.cells = {};
    for (const [name, label] of COLUMNS) {
      const cell = element("td", name, this.line);
      cell.dataset.label = label;
      const bar = name === "meter" ? element("progress", "", cell) : null;
      const top = element(name === "instrument" ? "a" : "span", "top", cell);
      this.cells[name] = { cell, bar, top, sub: element("span", "sub", cell) };
    }
    this.fresh = true;
  }

  // All bars close together: that is no news of a row.
  put(name, top, sub = "", className = "top") {
    const cell = this.cells[name];
    const toned = cell.top.className !== className && !this.fresh;
    const said = say(cell.top, top, className);
    if ((say(cell.sub, sub) || said || toned) && !this.fresh && name !== "bar") flash(cell.cell);
  }

  show(row, bar) {
    this.link = instrumentHash(row.instrument, row.strategy);
    this.cells.instrument.top.href = this.link;
    this.line.classList.toggle("held", row.position !== null);
    this.put("instrument", row.instrument, row.instrument_id, "top symbol");
    this.put("strategy", row.strategy, `${row.book} · ${row.timeframe}`);
    const lean = { BUY: "pill good", SELL: "pill bad" }[row.bias] ?? "quiet";
    const sure = row.confidence === null ? "" : `confidence ${row.confidence.toFixed(2)}`;
    this.put("bias", row.bias === "NONE" ? "–" : arrow(row.bias) + row.bias, sure, lean);
    const well = row.status === "RUNNING" || row.status === "WAITING";
    this.put("state", well ? row.signal_state : row.status, well ? row.status.toLowerCase() : row.signal_state.toLowerCase(),
      "pill " + (well ? STATE_TONE[row.signal_state] ?? "" : STATUS_TONE[row.status] ?? ""));
    this.put("signal", ...signalText(row.last_signal));
    this.put("bar", row.last_bar_open ? `${clock(row.last_bar_open)}–${clock(row.last_bar_close)}` : "–");
    this.showMeter(bar);
    this.put("position", ...positionText(row.position));
    this.put("money", rupees(row.day_pnl_paise), "", "top " + tone(row.day_pnl_paise));
    this.cells.signal.cell.classList.toggle("blank", row.last_signal === null);
    this.cells.position.cell.classList.toggle("blank", row.position === null);
    this.fresh = false;
  }

  showMeter(bar) {
    const { bar: meter, top } = this.cells.meter;
    meter.max = bar?.minutes_expected || 1;
    meter.value = bar?.minutes_seen ?? 0;
    const begun = bar && bar.open;
    say(top, begun ? `${bar.minutes_seen} of ${bar.minutes_expected} min` : "–", "sub");
    meter.title = begun ? `bar ${clock(bar.open)}–${clock(bar.close)}` : "no trade in this bar yet";
  }
}

function signalText(signal) {
  if (signal === null) return ["–", "", "quiet"];
  const top = `${arrow(signal.side)}${signal.kind} ${signal.side} ${clock(signal.time)} @ ${price(signal.price)}`;
  const refused = signal.refusal && `refused: ${spaced(signal.refusal)}`;
  return [top, refused || levels(signal), refused ? "quiet" : signal.side === "BUY" ? "up" : "down"];
}

function positionText(held) {
  if (held === null) return ["–", "", "quiet"];
  const top = `${held.side === "BUY" ? "Long" : "Short"} ${count.format(held.quantity)} @ ${price(held.entry_price)}`;
  return [top, levels(held), "top"];
}

// --- the table: of many rows the first ones that the filter leaves ------------------------------

const lines = new Map(); // key -> Row, of the rows that are shown
const view = { rows: new Map(), bars: new Map(), words: [], chip: "all", strategy: "", state: "", side: "", most: PAGE_ROWS, link: "connecting", updated: "" };

function matches(row) {
  if (view.strategy && row.strategy !== view.strategy) return false;
  if (view.side && row.bias !== view.side) return false;
  if (view.state && row.signal_state !== view.state && row.status !== view.state) return false;
  if (view.chip === "position" && row.position === null) return false;
  if (view.chip === "triggered" && row.last_signal === null) return false;
  const text = `${row.instrument} ${row.instrument_id} ${row.strategy} ${row.book}`.toLowerCase();
  return view.words.every((word) => text.includes(word));
}

function show() {
  const matching = [...view.rows].filter(([, row]) => matches(row));
  const shown = matching.slice(0, view.most);
  const kept = new Set(shown.map(([key]) => key));
  for (const [key, { line }] of lines) {
    if (kept.has(key)) continue;
    line.remove();
    lines.delete(key);
  }
  let next = byId("rows").firstElementChild;
  for (const [key, row] of shown) {
    if (!lines.has(key)) lines.set(key, new Row());
    const { line } = lines.get(key);
    if (line === next) next = next.nextElementSibling;
    else byId("rows").insertBefore(line, next);
    lines.get(key).show(row, view.bars.get(row.timeframe));
  }
  const more = matching.length - shown.length;
  byId("more").hidden = more === 0;
  say(byId("more"), `Show more: ${count.format(more)} of ${count.format(matching.length)} rows are not shown`);
  say(byId("note"), noteOn(matching.length));
}

function noteOn(matching) {
  if (view.link === "lost") return `The daemon does not answer. ${view.updated ? `Last heard at ${view.updated} IST.` : ""}`;
  if (view.link === "connecting") return "Connecting to the daemon …";
  if (view.rows.size === 0) return "No instrument is being scanned yet.";
  return matching === 0 ? "No row matches this filter." : "";
}

// The strategies to choose from; one alone needs no choice.
function offer(names) {
  const chooser = byId("strategy");
  if (chooser.options.length === names.length + 1) return;
  chooser.hidden = names.length < 2;
  chooser.replaceChildren(chooser.options[0]);
  for (const name of names) {
    const option = element("option", "", chooser);
    option.value = name;
    say(option, name);
  }
}

function filter(changed) {
  Object.assign(view, changed, { most: PAGE_ROWS });
  show();
}

document.addEventListener("snapshot", ({ detail: { data, rows, daemon } }) => {
  view.rows = rows;
  view.bars = new Map(daemon.bars.map((bar) => [bar.timeframe, bar]));
  view.updated = daemon.market_time.slice(11, 19);
  offer([...new Set(data.map((row) => row.strategy))]);
  show();
});
document.addEventListener("link", ({ detail }) => {
  if (view.link === detail) return;
  view.link = detail;
  show();
});

byId("filter").addEventListener("input", ({ target }) => {
  filter({ words: target.value.toLowerCase().split(/\s+/).filter(Boolean) });
});
for (const name of ["strategy", "state", "side"]) {
  byId(name).addEventListener("change", ({ target }) => filter({ [name]: target.value }));
}
byId("more").addEventListener("click", () => {
  view.most += PAGE_ROWS;
  show();
});

const chips = document.querySelectorAll("[data-chip]");
for (const chip of chips) {
  chip.addEventListener("click", () => {
    press(chips, chip);
    filter({ chip: chip.dataset.chip });
  });
}
