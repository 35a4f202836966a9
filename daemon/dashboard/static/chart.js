// The day of one instrument as candles: session VWAP, signals, entries, exits, stops and targets.
// Draws what it is given. Times are shown as they are told, in IST.

import { clock, count, element, price, rupees, spaced } from "/static/page.js";

const MINUTE_MS = 60000;

const wall = (iso) => Date.parse(`${iso.slice(0, 19)}Z`); // the axis knows no zone
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
// The library reads a little markup in its texts.
const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

let library = null;

// The chart library, loaded when the first chart is wanted; about 5 MB, cached for a week.
function loaded() {
  library ??= new Promise((done, failed) => {
    const script = element("script", "", document.head);
    script.onload = () => done(window.Plotly);
    script.onerror = () => {
      library = null;
      failed(new Error("the chart library was not loaded"));
    };
    script.src = "/static/plotly.min.js";
  });
  return library;
}

// Draw into `target`; `chosen(open time of a strategy bar)` is called for a click. `uses` is what
// may be zoomed into without being reset by the next drawing.
export async function draw(target, day, uses, chosen) {
  const plotly = await loaded();
  const candles = day.byMinute ? day.bars.map(minuteBar) : day.decisions.map(strategyBar);
  const traces = [
    volumes(candles), candlesticks(candles), vwap(day.decisions), ...brackets(day),
    ...signals(day), entries(day), exits(day),
  ];
  await plotly.react(target, traces, layout(uses), { displayModeBar: false, responsive: true });
  if (!target.dataset.listens) {
    target.dataset.listens = "true";
    target.on("plotly_click", ({ points: [point] }) => point.customdata && target.chosen(point.customdata));
  }
  target.chosen = chosen;
}

const minuteBar = (bar) => ({ ...bar, x: wall(bar.time) + MINUTE_MS / 2, label: clock(bar.time), of: null });
const strategyBar = (bar) => ({
  ...bar, x: (wall(bar.time) + wall(bar.close_time)) / 2,
  label: `${clock(bar.time)}–${clock(bar.close_time)}`, of: bar.time,
});

const told = (bar) =>
  `${bar.label}<br>open ${price(bar.open)}<br>high ${price(bar.high)}<br>low ${price(bar.low)}` +
  `<br>close ${price(bar.close)}<br>volume ${count.format(bar.volume)}`;

function candlesticks(bars) {
  const side = (name) => ({ line: { color: color(name), width: 1 }, fillcolor: color(name) });
  return {
    type: "candlestick", name: "price", showlegend: false, x: bars.map((bar) => bar.x),
    open: bars.map((bar) => bar.open), high: bars.map((bar) => bar.high),
    low: bars.map((bar) => bar.low), close: bars.map((bar) => bar.close),
    customdata: bars.map((bar) => bar.of), text: bars.map(told), hoverinfo: "text",
    increasing: side("up"), decreasing: side("down"),
  };
}

const volumes = (bars) => ({
  type: "bar", name: "volume", showlegend: false, yaxis: "y2", hoverinfo: "skip",
  x: bars.map((bar) => bar.x), y: bars.map((bar) => bar.volume), marker: { color: color("volume") },
});

const vwap = (decisions) => ({
  type: "scatter", mode: "lines", name: "VWAP", x: decisions.map((bar) => wall(bar.close_time)),
  y: decisions.map((bar) => bar.vwap), line: { color: color("info"), width: 1.5 },
  hovertemplate: "VWAP %{y:.2f}<extra></extra>",
});

// A stop or target lasts from its order's birth until the order's last move, or until now.
function brackets({ orders, decisions, bars }) {
  const now = Math.max(0, ...bars.slice(-1).map((bar) => wall(bar.time) + MINUTE_MS), ...decisions.slice(-1).map((bar) => wall(bar.close_time)));
  return [["STOP", "stop", "down"], ["TARGET", "target", "up"]].map(([role, name, tint]) => {
    const lines = { x: [], y: [] };
    for (const order of orders.filter((one) => one.role === role)) {
      const end = order.state === "OPEN" ? now : wall(order.updated);
      lines.x.push(wall(order.created), end, null);
      lines.y.push(order.price, order.price, null);
    }
    return {
      type: "scatter", mode: "lines", name, ...lines, line: { color: color(tint), width: 1.5, dash: "dash" },
      hovertemplate: `${name} %{y:.2f}<extra></extra>`, showlegend: lines.x.length > 0,
    };
  });
}

// Filled: acted upon; hollow: refused. A buy points up from below the bar, a sell down from above.
function signals({ decisions, byMinute }) {
  const raised = decisions.filter((bar) => bar.events.length > 0);
  return [["ACTED", "signal", ""], ["REFUSED", "refused", "-open"]].map(([status, name, open]) => {
    const found = raised.filter((bar) => bar.status === status);
    const buys = found.map((bar) => bar.events[0].side === "BUY");
    return {
      type: "scatter", mode: "markers", name, showlegend: found.length > 0,
      x: found.map((bar) => (byMinute ? wall(bar.close_time) : (wall(bar.time) + wall(bar.close_time)) / 2)),
      y: found.map((bar, i) => (buys[i] ? bar.low - (bar.atr ?? 0) / 3 : bar.high + (bar.atr ?? 0) / 3)),
      customdata: found.map((bar) => bar.time),
      text: found.map((bar) => `${clock(bar.close_time)} ${plain(verdict(bar))}`), hoverinfo: "text",
      marker: {
        size: 12, symbol: buys.map((buy) => (buy ? "triangle-up" : "triangle-down") + open),
        color: buys.map((buy) => color(buy ? "up" : "down")),
        line: { width: open ? 1.5 : 0 },
      },
    };
  });
}

// Round trips that are over, and the open position.
function entries({ trades, positions }) {
  return filled("entry", "circle", [...trades, ...positions], (row) => [
    wall(row.entry), row.entry_price,
    `${clock(row.entry)} ${row.side === "BUY" ? "long" : "short"} ${count.format(row.quantity)} @ ${price(row.entry_price)}`,
    color("info"),
  ]);
}

function exits({ trades }) {
  return filled("exit", "x", trades, (row) => [
    wall(row.exit), row.exit_price,
    `${clock(row.exit)} ${spaced(row.exit_reason).toLowerCase()} @ ${price(row.exit_price)}<br>net ${rupees(row.net_paise)}`,
    color(row.net_paise > 0 ? "up" : "down"),
  ]);
}

function filled(name, symbol, rows, of) {
  const points = rows.map(of);
  const column = (i) => points.map((point) => point[i]);
  return {
    type: "scatter", mode: "markers", name, x: column(0), y: column(1), text: column(2), hoverinfo: "text",
    showlegend: rows.length > 0,
    marker: { size: 9, symbol, color: column(3), line: { color: color("card"), width: 1.5 } },
  };
}

// What was decided on a strategy bar, in a line.
export function verdict(bar) {
  const passed = bar.gates.filter((gate) => gate.passed).length;
  if (bar.events.length === 0) return bar.gates.length ? `no event: ${passed} of ${bar.gates.length} gates passed` : "no event";
  const [{ kind, side }] = bar.events;
  if (bar.status === "ACTED") return `${kind} ${side}, acted upon: ${count.format(bar.quantity)} shares`;
  return `${kind} ${side}, refused: ${spaced(bar.refusal?.rule ?? "unknown")}`;
}

function layout(uses) {
  const axis = { gridcolor: color("line"), zeroline: false, linecolor: color("line"), tickcolor: color("line") };
  return {
    uirevision: uses, dragmode: "pan", hovermode: "closest", showlegend: true,
    margin: { l: 8, r: 72, t: 6, b: 28 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: color("quiet"), size: 12, family: getComputedStyle(document.body).fontFamily },
    legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom" },
    hoverlabel: { bgcolor: color("card"), bordercolor: color("line"), font: { color: color("text") }, align: "left" },
    xaxis: { ...axis, anchor: "y2", type: "date", tickformat: "%H:%M", rangeslider: { visible: false } },
    yaxis: { ...axis, side: "right", domain: [0.16, 1], tickformat: ",.2f" },
    yaxis2: { ...axis, side: "right", domain: [0, 0.13], showticklabels: false, showgrid: false, fixedrange: true },
  };
}
