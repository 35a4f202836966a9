// Halt, reduce, flatten and resume. Every press is a question to the daemon, and what is shown is
// its answer. The token is asked for when it is first needed and forgotten with the tab.

import { ANSWER_MS, byId, count, say, token, tokenHeader } from "/static/page.js";

const PATIENCE_MS = 2 * ANSWER_MS; // longer than the daemon lets a command wait
const SHOWN_MS = 30000;
const MEANING = {
  ACTIVE: "entries are allowed",
  REDUCING: "no entry until Resume; exits pass",
  HALTED: "no entry until Resume; exits pass",
};
const TONE = { ACTIVE: "good", REDUCING: "fair", HALTED: "bad" };
const POINTLESS = { halt: ["HALTED"], reduce: ["HALTED", "REDUCING"], resume: ["ACTIVE"], flatten: [] };
const TITLE = { halt: "Halt", reduce: "Reduce", flatten: "Flatten", resume: "Resume" };
const EXPLAINED = {
  flatten: () => `${counted(state.positions, "position")} will be closed at the market, pending entries are cancelled, and no entry follows until Resume.`,
  resume: () => "Entries are allowed again.",
};

const state = { trading: "", positions: 0, said: "", tone: "", until: 0 };
const buttons = document.querySelectorAll("[data-command]");
const dialog = byId("command-dialog");

const counted = (number, word) => `${count.format(number)} ${word}${number === 1 ? "" : "s"}`;

async function send(name, secret) {
  let answer;
  try {
    answer = await fetch("/api/command", {
      method: "POST",
      headers: { "Content-Type": "application/json", ...tokenHeader(secret) },
      body: JSON.stringify(name ? { command: name } : {}),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch {
    return { status: 0, error: "No answer, the outcome is unknown: look at the trading state. A file named HALT in the state directory halts as well." };
  }
  try {
    return { status: answer.status, ...(await answer.json()) };
  } catch {
    return { status: answer.status, error: `The daemon answered with status ${answer.status}.` };
  }
}

// Send `name` and say what became of it; false if the token is not the daemon's.
async function command(name, secret) {
  if (!/^[!-~]+$/.test(secret)) return false; // no header can carry it
  const answer = await send(name, secret);
  if (answer.status === 401) return false;
  token.keep(secret);
  if (!answer.success) tell(`${TITLE[name]}: ${answer.error}`, "bad");
  else if (name) obeyed(name, answer.data);
  showState();
  return true;
}

function obeyed(name, { trading_state, exits, cancelled, released }) {
  state.trading = trading_state;
  const words = cancelled === 1 ? "pending entry" : "pending entries";
  const taken = name === "flatten" || cancelled ? `${count.format(cancelled)} ${words} cancelled; ` : "";
  const left = name === "flatten" ? `${counted(exits, "exit")} asked for, ` : "";
  const done = left + taken + (released.length ? `released ${released.join(", ")}; ` : "");
  tell(`${trading_state}: ${done}${MEANING[trading_state] ?? ""}`, TONE[trading_state] ?? "");
}

function tell(text, tone) {
  Object.assign(state, { said: text, tone, until: performance.now() + SHOWN_MS });
}

// The last answer for a while; then, unless entries are allowed, what the state means.
function showState() {
  const fresh = performance.now() < state.until;
  const meant = MEANING[state.trading] && state.trading !== "ACTIVE";
  const text = fresh ? state.said : meant ? `${state.trading}: ${MEANING[state.trading]}` : "";
  say(byId("outcome"), text, "outcome " + (fresh ? state.tone : TONE[state.trading] ?? ""));
  for (const button of buttons) button.disabled = POINTLESS[button.dataset.command].includes(state.trading);
  byId("lock").hidden = token.get() === null;
}

// --- the dialog: a confirmation, or the token, or both --------------------------------------------

function openDialog(name, error = "") {
  dialog.dataset.name = name;
  say(byId("command-title"), name ? `${TITLE[name]}?` : "This page is locked");
  say(byId("command-text"), EXPLAINED[name]?.() ?? "");
  say(byId("command-error"), error);
  say(byId("command-go"), TITLE[name] ?? "Unlock", name === "resume" || !name ? "go" : "go danger");
  byId("token-field").hidden = token.get() !== null;
  byId("token").required = token.get() === null;
  byId("token").value = "";
  if (!dialog.open) dialog.showModal();
}

byId("command-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { name } = dialog.dataset;
  const secret = token.get() ?? byId("token").value.trim();
  byId("command-go").disabled = true;
  const known = await command(name, secret);
  byId("command-go").disabled = false;
  if (known) {
    dialog.close();
    return;
  }
  token.forget();
  openDialog(name, "This is not the token of this daemon.");
});

byId("command-cancel").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => {
  byId("token").value = "";
});

for (const button of buttons) {
  button.addEventListener("click", async () => {
    const { command: name } = button.dataset;
    const secret = token.get();
    if (secret === null || EXPLAINED[name]) openDialog(name);
    else if (!(await command(name, secret))) {
      token.forget();
      openDialog(name, "The token of the daemon has changed.");
    }
  });
}

byId("lock").addEventListener("click", () => {
  token.forget();
  showState();
});

document.addEventListener("snapshot", ({ detail: { data, daemon } }) => {
  state.trading = daemon.trading_state;
  state.positions = data.filter((row) => row.position !== null).length;
  showState();
});

// The daemon is on another machine: nothing of the day is told without the token.
document.addEventListener("locked", () => {
  if (!dialog.open) openDialog("");
});
