// The scanner and the day's facts above it. It shows what the daemon says and computes nothing:
// every value arrives as JSON and reaches the page through textContent. Live by server-sent events;
// while those are away it asks every two seconds.

import { arrow, ask, byId, clock, count, element, instrumentHash, press, price, rupees, say, spaced, tone } from "/static/page.js";

const POLL_MS = 2000;
const POLLS_PER_RETRY = 5; // a refused stream (all places taken) is tried again this rarely
const COLUMNS = [
  ["instrument", "Instrument"], ["strategy", "Strategy"], ["bias", "Bias"], ["state", "State"],
  ["signal", "Last signal"], ["bar", "Last bar"], ["meter", "Current bar"],
  ["position", "Position"], ["money", "Day P&L"],
];
const STATE_TONE = { TRIGGERED: "good", REFUSED: "fair", WATCHING: "", WARMING: "info" };
const STATUS_TONE = { RUNNING: "", WAITING: "", STALE: "fair", HALTED: "bad", OFF: "bad" };
const TRADING_TONE = { ACTIVE: "good", REDUCING: "fair", HALTED: "bad" };

const many = new Intl.NumberFormat("en-IN", { notation: "compact", maximumSignificantDigits: 4 });

const levels = ({ stop, target }) => `stop ${price(stop)} · target ${price(target)}`;

function flash(cell) {
  cell.classList.remove("flash");
  void cell.offsetWidth; // restarts the animation
  cell.classList.add("flash");
}

// --- one row ----------------------------------------------------------------------------------

const rows = new Map(); // key -> Row

class Row {
  constructor(parent) {
    this.line = element("tr", "", parent);
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

  put(name, top, sub = "", className = "top") {
    const cell = this.cells[name];
    const toned = cell.top.className !== className && !this.fresh;
    const said = say(cell.top, top, className);
    if ((say(cell.sub, sub) || said || toned) && !this.fresh && name !== "meter") flash(cell.cell);
  }

  show(row, bar) {
    this.row = row;
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

  matches(words, chip) {
    const { row } = this;
    if (chip === "position" && row.position === null) return false;
    if (chip === "triggered" && row.last_signal === null) return false;
    const text = `${row.instrument} ${row.instrument_id} ${row.strategy} ${row.book}`.toLowerCase();
    return words.every((word) => text.includes(word));
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

// --- the page ---------------------------------------------------------------------------------

const view = { words: [], chip: "all", linked: "connecting", updated: "" };

function show(data, daemon) {
  showDaemon(daemon);
  const bars = new Map(daemon.bars.map((bar) => [bar.timeframe, bar]));
  const gone = new Set(rows.keys());
  for (const row of data) {
    const key = JSON.stringify([row.book, row.strategy, row.instrument]);
    if (!rows.has(key)) rows.set(key, new Row(byId("rows")));
    rows.get(key).show(row, bars.get(row.timeframe));
    gone.delete(key);
  }
  for (const key of gone) {
    rows.get(key).line.remove();
    rows.delete(key);
  }
  view.updated = daemon.market_time.slice(11, 19);
  applyFilter();
  document.dispatchEvent(new CustomEvent("snapshot", { detail: { data, daemon } }));
}

function showDaemon(daemon) {
  say(byId("mode"), daemon.mode.toUpperCase(), daemon.mode === "live" ? "badge bad" : "badge info");
  say(byId("trading"), daemon.trading_state, "badge " + (TRADING_TONE[daemon.trading_state] ?? ""));
  say(byId("day"), daemon.day, "quiet");
  say(byId("time"), daemon.market_time.slice(11, 19));
  const age = daemon.feed_age_ms === null ? "no data yet" : `${(daemon.feed_age_ms / 1000).toFixed(1)} s ago`;
  say(byId("feed"), `${daemon.feed} ${daemon.feed_up ? "feed" : "feed down"} · ${age}`, "lamp " + (daemon.feed_up ? "good" : "bad"));
  say(byId("pnl"), rupees(daemon.day_pnl_paise), tone(daemon.day_pnl_paise));
  for (const name of ["signals", "entries", "trades"]) say(byId(name), count.format(daemon[name]));
  say(byId("ticks"), (daemon.ticks_seen < 1e6 ? count : many).format(daemon.ticks_seen));
  const phase = daemon.market_open ? "" : " · closed";
  say(byId("minutes"), `${daemon.minutes_done} of ${daemon.minutes_expected} min${phase}`);
  byId("session").max = daemon.minutes_expected || 1;
  byId("session").value = daemon.minutes_done;
  const notes = [daemon.waiting_for && `Waiting for the ${daemon.waiting_for}.`, ...daemon.readiness, ...daemon.report].filter(Boolean);
  byId("notice").hidden = notes.length === 0;
  say(byId("notice"), notes.join("\n"));
  document.title = `${rupees(daemon.day_pnl_paise)} · tradingd`;
}

function applyFilter() {
  let shown = 0;
  for (const row of rows.values()) {
    row.line.hidden = !row.matches(view.words, view.chip);
    shown += !row.line.hidden;
  }
  let note = "";
  if (view.linked === "lost") note = `The daemon does not answer. ${view.updated ? `Last heard at ${view.updated} IST.` : ""}`;
  else if (view.linked === "connecting") note = "Connecting to the daemon …";
  else if (rows.size === 0) note = "No instrument is being scanned yet.";
  else if (shown === 0) note = "No row matches this filter.";
  say(byId("note"), note);
}

byId("filter").addEventListener("input", (event) => {
  view.words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  applyFilter();
});

const chips = document.querySelectorAll("[data-chip]");
for (const chip of chips) {
  chip.addEventListener("click", () => {
    view.chip = chip.dataset.chip;
    press(chips, chip);
    applyFilter();
  });
}

// --- the link ---------------------------------------------------------------------------------

let stream = null;
let polling = null; // timer, while the stream is away
let polls = 0;

function linked(state) {
  view.linked = state;
  say(byId("link"), state, "lamp " + { live: "good", polling: "fair", lost: "bad" }[state]);
  document.body.classList.toggle("lost", state === "lost");
}

function listen() {
  stream?.close();
  stream = new EventSource("/api/stream");
  stream.onmessage = (event) => {
    clearTimeout(polling);
    polling = null;
    linked("live");
    const { data, daemon } = JSON.parse(event.data);
    show(data, daemon);
  };
  stream.onerror = () => {
    polling ??= setTimeout(poll, 0);
  };
}

async function poll() {
  const seen = await Promise.all([ask("/api/scanner-state", POLL_MS), ask("/api/daemon-state", POLL_MS)]);
  if (polling === null) return; // the stream came back meanwhile
  const [scanner, daemon] = seen;
  linked(scanner && daemon ? "polling" : "lost");
  if (scanner && daemon) show(scanner.data, daemon.data);
  else applyFilter();
  polls += 1;
  if (stream.readyState === EventSource.CLOSED && polls % POLLS_PER_RETRY === 0) listen();
  polling = setTimeout(poll, POLL_MS);
}

listen();
