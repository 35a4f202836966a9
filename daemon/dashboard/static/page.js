// What every part of the page shares: elements, number formats, questions to the daemon, and which
// view is open. Every value reaches the page through textContent.

export const ANSWER_MS = 5000;

export const byId = (id) => document.getElementById(id);
export const count = new Intl.NumberFormat("en-IN");
const amount = new Intl.NumberFormat("en-IN", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

export const price = (value) => (value === null ? "–" : amount.format(value));
export const clock = (iso) => (iso ? iso.slice(11, 16) : "–");
export const arrow = (side) => ({ BUY: "▲ ", SELL: "▼ " })[side] ?? "";
export const tone = (paise) => (paise > 0 ? "up" : paise < 0 ? "down" : "quiet");
export const spaced = (name) => name.replaceAll("_", " ");
export const rupees = (paise) =>
  (paise > 0 ? "+" : paise < 0 ? "−" : "") + "₹" + amount.format(Math.abs(paise) / 100);

export function element(tag, className, parent) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (parent) parent.append(made);
  return made;
}

// Say `text` in `target`; true if that is news.
export function say(target, text, className) {
  if (className !== undefined && target.className !== className) target.className = className;
  if (target.textContent === text) return false;
  target.textContent = text;
  return true;
}

// Make one of a group of buttons the pressed one.
export function press(buttons, pressed) {
  for (const button of buttons) button.setAttribute("aria-pressed", String(button === pressed));
}

// The token of the daemon, for this tab: never in an address, and in no cookie, which every other
// program that serves a port of this machine would be sent.
export const token = {
  get: () => sessionStorage.getItem("token"),
  keep: (secret) => sessionStorage.setItem("token", secret),
  forget: () => sessionStorage.removeItem("token"),
};
export const tokenHeader = (secret) => (secret === null ? {} : { "X-Tradingd-Token": secret });

// The JSON of a route, null if the daemon does not answer or has no such thing.
export async function ask(path, patience_ms = ANSWER_MS) {
  try {
    const answer = await fetch(path, { headers: tokenHeader(token.get()), signal: AbortSignal.timeout(patience_ms) });
    if (answer.status === 401) document.dispatchEvent(new CustomEvent("locked"));
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

// --- views: `#/`, `#/trades`, `#/instrument/RELIANCE/pixity` -------------------------------------

export const instrumentHash = (symbol, strategy) =>
  `#/instrument/${encodeURIComponent(symbol)}/${encodeURIComponent(strategy)}`;

const VIEWS = ["positions", "orders", "trades", "instrument", "backtests"];

// The parts of the address; the scanner's where it is not one of ours.
export function place() {
  try {
    const parts = location.hash.slice(2).split("/").map(decodeURIComponent);
    return VIEWS.includes(parts[0]) ? parts : ["scanner"];
  } catch {
    return ["scanner"];
  }
}

function openView() {
  const [name] = place();
  for (const part of document.querySelectorAll("[data-view]")) {
    part.hidden = !part.dataset.view.split(" ").includes(name);
  }
  for (const link of document.querySelectorAll("[data-opens]")) {
    link.toggleAttribute("aria-current", link.dataset.opens === name);
  }
}

addEventListener("hashchange", openView);
openView();

// Call `refresh(daemon)` when one of these views opens and, while it is open, after every change of
// the day: at most every 2 s, at least every 10 s.
const LEAST_MS = 2000;
const MOST_MS = 10000;

export function keepFresh(views, refresh) {
  let seen = "";
  let asked = -MOST_MS;
  let busy = false;
  let again = false;
  const now = async () => {
    if (!views.includes(place()[0])) return;
    if (busy) {
      again = true; // another instrument was opened meanwhile
      return;
    }
    busy = true;
    asked = performance.now();
    try {
      await refresh();
    } finally {
      busy = false;
    }
    if (again) {
      again = false;
      await now();
    }
  };
  addEventListener("hashchange", now);
  document.addEventListener("snapshot", ({ detail: { daemon } }) => {
    const { day, minutes_done, signals, entries, trades } = daemon;
    const state = [day, minutes_done, signals, entries, trades].join();
    const waited = performance.now() - asked;
    if (waited < (state === seen ? MOST_MS : LEAST_MS)) return;
    seen = state;
    now();
  });
  now();
}
