// The day's tables: positions, orders and trades, newest first.

import { arrow, ask, byId, clock, count, element, instrumentHash, keepFresh, place, price, rupees, say, spaced, tone } from "/static/page.js";

const STATE_TONE = { FILLED: "good", REJECTED: "bad", LOST: "bad", CANCELLED: "", OPEN: "info", SUBMITTED: "info" };

const sided = (row) => [arrow(row.side) + row.side, row.side === "BUY" ? "up" : "down"];
const money = (paise) => [rupees(paise), "number " + tone(paise)];
const number = (text) => [text, "number"];
const instrument = ["Instrument", (row) => [row.instrument, "symbol", instrumentHash(row.instrument, row.strategy)]];
const strategy = ["Strategy", (row) => [row.strategy]];
const side = ["Side", sided];
const quantity = ["Quantity", (row) => number(count.format(row.quantity)), "number"];

// Column: heading, row -> [text, class, link], class of the heading.
const COLUMNS = {
  positions: [
    instrument, strategy, side, quantity,
    ["Entered", (row) => [clock(row.entry)]],
    ["Entry", (row) => number(price(row.entry_price)), "number"],
    ["Stop", (row) => number(price(row.stop)), "number"],
    ["Target", (row) => number(price(row.target)), "number"],
  ],
  orders: [
    ["Time", (row) => [clock(row.created)]],
    instrument, strategy,
    ["For", (row) => [spaced(row.role).toLowerCase()]],
    ["Type", (row) => [spaced(row.type).toLowerCase()]],
    side, quantity,
    ["Price", (row) => number(row.price ? price(row.price) : "market"), "number"],
    ["State", (row) => [row.state.toLowerCase(), "pill " + (STATE_TONE[row.state] ?? "")]],
    ["Since", (row) => [clock(row.updated)]],
  ],
  trades: [
    instrument, strategy,
    ["Kind", (row) => [row.kind]],
    side, quantity,
    ["Entry", (row) => [`${clock(row.entry)} @ ${price(row.entry_price)}`]],
    ["Exit", (row) => [`${clock(row.exit)} @ ${price(row.exit_price)}`]],
    ["Reason", (row) => [spaced(row.exit_reason).toLowerCase(), "pill"]],
    ["Bars", (row) => number(count.format(row.bars_held)), "number"],
    ["Charges", (row) => number(rupees(row.fees_paise).replace("+", "")), "number"],
    ["Net", (row) => money(row.net_paise), "number"],
    ["R", (row) => number(row.r.toFixed(2)), "number"],
  ],
};
const NOTHING = { positions: "No open position.", orders: "No order today.", trades: "No trade closed today." };

// Show `rows` of a table in `parent`.
export function showTable(parent, name, rows) {
  const columns = COLUMNS[name];
  parent.replaceChildren();
  if (rows.length === 0) {
    say(element("p", "note", parent), NOTHING[name]);
    return;
  }
  const table = element("table", "stacked", parent);
  const head = element("tr", "", element("thead", "", table));
  for (const [heading, , className] of columns) say(element("th", className ?? "", head), heading);
  const body = element("tbody", "", table);
  for (const row of [...rows].reverse()) {
    const line = element("tr", "", body);
    for (const [heading, cell, className] of columns) {
      const [text, inner = "", link] = cell(row);
      const field = element("td", className ?? "", line);
      field.dataset.label = heading;
      const holder = element(link ? "a" : "span", inner, field);
      if (link) holder.href = link;
      say(holder, text);
    }
  }
}

// The rows of a table, null if they cannot be had.
export const askTable = async (name) => (await ask(`/api/${name}`))?.data ?? null;

keepFresh(Object.keys(COLUMNS), async () => {
  const [name] = place();
  const rows = await askTable(name);
  if (place()[0] !== name) return;
  if (rows) showTable(byId("day-table"), name, rows);
  else if (!byId("day-table").hasChildNodes()) say(element("p", "note", byId("day-table")), "The daemon does not answer.");
});
