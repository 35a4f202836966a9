// Backtests over the daemon's archive: asked for here, run by the daemon in a process of their own.
// One chosen run is told in numbers; of two, the second against the first.

import { ask, byId, count, element, place, rupees, say, spaced, token, tokenHeader, tone } from "/static/page.js";

const EVERY_MS = 1000;
const PATIENCE_MS = 10000;
const chosen = new Set(); // ids, at most two
let runs = [];
let waiting = null;
let running = false;

const share = (value) => (value === null ? "–" : (value * 100).toFixed(1) + " %");
const ratio = (value) => (value === null ? "–" : value.toFixed(3));
const money = (paise) => rupees(paise);

// What is told of a run: heading, summary -> value, value -> text.
const TOLD = [
  ["Trades", (one) => one.trades, count.format],
  ["Net", (one) => one.net_paise, money],
  ["Gross", (one) => one.gross_paise, money],
  ["Charges", (one) => one.fees_paise, money],
  ["Deepest fall", (one) => one.max_drawdown_paise, money],
  ["Win rate", (one) => one.win_rate, share],
  ["Profit factor", (one) => one.profit_factor, ratio],
  ["Sharpe", (one) => one.sharpe, ratio],
];

function titleOf({ id, request }) {
  const symbols = request?.symbols?.length ? request.symbols.join(", ") : "all symbols";
  return `${id} ${request?.strategy ?? ""}, ${symbols}`;
}

function spanOf({ request, summary }) {
  const span = summary?.span;
  return `${span?.from ?? request?.from_day ?? "first day"} – ${span?.to ?? request?.to_day ?? "last day"}`;
}

// --- the list ------------------------------------------------------------------------------------

function showRuns() {
  const parent = byId("backtest-runs");
  parent.replaceChildren();
  if (runs.length === 0) {
    say(element("p", "note", parent), "No backtest yet. Bars are archived in the evening of each day.");
    return;
  }
  const table = element("table", "stacked", parent);
  const head = element("tr", "", element("thead", "", table));
  for (const heading of ["", "Run", "Span", "Settings", "State", "Trades", "Net", "Report"]) {
    say(element("th", "", head), heading);
  }
  const body = element("tbody", "", table);
  for (const run of runs) showRun(element("tr", "", body), run);
}

function showRun(line, run) {
  const cells = [
    ["Run", titleOf(run), "symbol"],
    ["Span", spanOf(run), ""],
    ["Settings", run.request?.sets?.join(" ") || "as configured by default", "quiet"],
    ["State", run.reason ?? run.state, "pill " + ({ done: "good", running: "info" }[run.state] ?? "bad")],
    ["Trades", run.summary ? count.format(run.summary.trades) : "–", "number"],
    ["Net", run.summary ? rupees(run.summary.net_paise) : "–", "number " + tone(run.summary?.net_paise ?? 0)],
  ];
  const box = element("input", "", element("td", "choose", line));
  box.type = "checkbox";
  box.disabled = run.state !== "done";
  box.checked = chosen.has(run.id);
  box.ariaLabel = `Show run ${run.id}`;
  box.addEventListener("change", () => choose(run.id, box.checked));
  for (const [heading, text, className] of cells) {
    const cell = element("td", heading === "Settings" ? "settings" : "", line);
    cell.dataset.label = heading;
    say(element("span", className, cell), text);
  }
  const last = element("td", "", line);
  last.dataset.label = "Report";
  if (run.state === "done") {
    const link = element("a", "", last);
    Object.assign(link, { href: `/api/backtests/${run.id}/report`, target: "_blank", rel: "noopener" });
    say(link, "open");
  }
}

function choose(id, wanted) {
  chosen.delete(id);
  if (wanted) chosen.add(id);
  while (chosen.size > 2) chosen.delete(chosen.values().next().value);
  showRuns();
  showChosen();
}

// --- one run, or two -----------------------------------------------------------------------------

function showChosen() {
  const parent = byId("backtest-chosen");
  const shown = [...chosen].map((id) => runs.find((run) => run.id === id)).filter((run) => run?.summary);
  parent.replaceChildren();
  if (shown.length === 0) return;
  const table = element("table", "stacked", parent);
  const head = element("tr", "", element("thead", "", table));
  say(element("th", "", head), shown.length === 2 ? "The second against the first" : "In numbers");
  for (const run of shown) say(element("th", "number", head), titleOf(run));
  if (shown.length === 2) say(element("th", "number", head), "Difference");
  const body = element("tbody", "", table);
  const told = shown.map((run) => run.summary);
  for (const [heading, of, written] of TOLD) {
    const values = told.map(of);
    addRow(body, heading, values.map((value) => (value === null ? "–" : written(value))), difference(values, written));
  }
  for (const part of ["exits", "refusals"]) {
    for (const name of new Set(told.flatMap((one) => Object.keys(one[part] ?? {})))) {
      const values = told.map((one) => one[part]?.[name] ?? 0);
      addRow(body, `${part === "exits" ? "Exit" : "Refused"}: ${spaced(name).toLowerCase()}`, values.map(count.format), difference(values, count.format));
    }
  }
  if (told.length === 2 && told[0].data_hash !== told[1].data_hash) {
    say(element("p", "note", parent), "The two runs are of different bars.");
  }
}

function difference(values, written) {
  if (values.length < 2) return null;
  return values.includes(null) ? "–" : written(values[1] - values[0]);
}

function addRow(body, heading, texts, apart) {
  const line = element("tr", "", body);
  say(element("td", "", line), heading);
  for (const text of apart === null ? texts : [...texts, apart]) say(element("td", "number", line), text);
}

// --- asking --------------------------------------------------------------------------------------

async function refresh() {
  clearTimeout(waiting);
  if (place()[0] !== "backtests") return;
  const answer = await ask("/api/backtests");
  if (answer) {
    const news = JSON.stringify(answer.data) !== JSON.stringify(runs);
    runs = answer.data;
    if (news || !byId("backtest-runs").hasChildNodes()) {
      showRuns();
      showChosen();
    }
    showProgress(runs.find((run) => run.state === "running"));
  } else say(byId("backtest-said"), "The daemon does not answer.");
  waiting = setTimeout(refresh, EVERY_MS);
}

function showProgress(run) {
  const bar = byId("backtest-progress");
  bar.hidden = byId("backtest-stop").hidden = !run;
  byId("backtest-go").disabled = Boolean(run);
  if (!run) {
    if (running) say(byId("backtest-said"), "");
    running = false;
    return;
  }
  running = true;
  if (run.total > 0) bar.value = run.done / run.total;
  else bar.removeAttribute("value");
  say(byId("backtest-said"), run.total > 0 ? `${count.format(run.done)} of ${count.format(run.total)} bars` : "reading the bars");
}

async function change(body, done) {
  if (token.get() === null) {
    document.dispatchEvent(new CustomEvent("locked"));
    return;
  }
  let told;
  try {
    const answer = await fetch("/api/backtests", {
      method: "POST",
      headers: { "Content-Type": "application/json", ...tokenHeader(token.get()) },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    told = await answer.json();
    if (answer.status === 401) {
      token.forget();
      document.dispatchEvent(new CustomEvent("locked"));
    }
  } catch {
    told = { success: false, error: "The daemon does not answer." };
  }
  say(byId("backtest-said"), told.success ? done : told.error);
  await refresh();
}

const words = (id) => byId(id).value.split(/[\s,]+/).filter(Boolean);

byId("backtest-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const symbols = byId("backtest-symbols").value.split(",").map((one) => one.trim()).filter(Boolean);
  const asked = { strategy: byId("backtest-strategy").value.trim(), symbols, set: words("backtest-set") };
  change({ ...asked, from: byId("backtest-from").value, to: byId("backtest-to").value }, "");
});
byId("backtest-stop").addEventListener("click", () => change({ stop: true }, "Stopped."));
addEventListener("hashchange", refresh);
refresh();
