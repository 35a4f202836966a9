// The link to the daemon: what it tells by server-sent events, the whole at first and then what
// changed; while those are away it is asked every two seconds. Everybody else hears of it by the
// events "snapshot" (all rows, the daemon's facts) and "link" (live, polling or lost).

import { ask, byId, say } from "/static/page.js";

const POLL_MS = 2000;
const POLLS_PER_RETRY = 5; // a refused stream (all places taken) is tried again this rarely

const rows = new Map(); // in configured order
let stream = null;
let polling = null; // timer, while the stream is away
let polls = 0;

const key = (row) => JSON.stringify([row.book, row.strategy, row.instrument]);

function told({ data, daemon, whole }) {
  if (whole) rows.clear();
  for (const row of data) rows.set(key(row), row);
  document.dispatchEvent(new CustomEvent("snapshot", { detail: { data: [...rows.values()], rows, daemon } }));
}

function linked(state) {
  say(byId("link"), state, "lamp " + { live: "good", polling: "fair", lost: "bad" }[state]);
  document.body.classList.toggle("lost", state === "lost");
  document.dispatchEvent(new CustomEvent("link", { detail: state }));
}

function listen() {
  stream?.close();
  stream = new EventSource("/api/stream");
  stream.onmessage = (event) => {
    clearTimeout(polling);
    polling = null;
    linked("live");
    told(JSON.parse(event.data));
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
  if (scanner && daemon) told({ data: scanner.data, daemon: daemon.data, whole: true });
  polls += 1;
  if (stream.readyState === EventSource.CLOSED && polls % POLLS_PER_RETRY === 0) listen();
  polling = setTimeout(poll, POLL_MS);
}

listen();
