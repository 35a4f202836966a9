// The day's facts at the head of the page: mode, trading state, clock, feed, results, session.

import { ask, byId, count, element, rupees, say, tone } from "/static/page.js";

const CERTIFICATES_EVERY_MS = 60000; // they are made in the evening, or by hand
const VERDICT = { green: "certified", red: "RED", none: "not certified", unreadable: "unreadable" };
const VERDICT_TONE = { green: "good", red: "bad", none: "fair", unreadable: "bad" };
const TRADING_TONE = { ACTIVE: "good", REDUCING: "fair", HALTED: "bad" };

const many = new Intl.NumberFormat("en-IN", { notation: "compact", maximumSignificantDigits: 4 });

// Whose money it is: a bar over every view, and the first word of the tab.
document.addEventListener("snapshot", ({ detail: { daemon } }) => {
  const live = daemon.account !== null;
  byId("live").hidden = !live;
  document.body.classList.toggle("live-orders", live);
  if (live) say(byId("live"), `LIVE · real orders · ${daemon.broker} · account ${daemon.account}`);
  document.title = `${live ? `LIVE ${daemon.account} · ` : ""}${rupees(daemon.day_pnl_paise)} · tradingd`;
});

document.addEventListener("snapshot", ({ detail: { daemon } }) => {
  say(byId("mode"), daemon.mode.toUpperCase(), daemon.mode === "live" ? "badge bad" : "badge info");
  say(byId("trading"), daemon.trading_state, "badge " + (TRADING_TONE[daemon.trading_state] ?? ""));
  say(byId("day"), daemon.day, "quiet");
  say(byId("time"), daemon.market_time.slice(11, 19));
  const age = daemon.feed_age_ms === null ? "no data yet" : `${(daemon.feed_age_ms / 1000).toFixed(1)} s ago`;
  say(byId("feed"), `${daemon.feed}${daemon.feed_up ? "" : " feed down"} · ${age}`, "lamp " + (daemon.feed_up ? "good" : "bad"));
  say(byId("pnl"), rupees(daemon.day_pnl_paise), tone(daemon.day_pnl_paise));
  for (const name of ["signals", "entries", "trades"]) say(byId(name), count.format(daemon[name]));
  say(byId("ticks"), (daemon.ticks_seen < 1e6 ? count : many).format(daemon.ticks_seen));
  const phase = daemon.market_open ? "" : " · closed";
  say(byId("minutes"), `${daemon.minutes_done} of ${daemon.minutes_expected} min${phase}`);
  byId("session").max = daemon.minutes_expected || 1;
  byId("session").value = daemon.minutes_done;
  const notes = [daemon.waiting_for && `Waiting for the ${daemon.waiting_for}.`, daemon.reconciliation && `Ledger and broker: ${daemon.reconciliation}`, ...daemon.breakers.map((breaker) => `Latched: ${breaker}`), ...daemon.doubts.map((doubt) => `In doubt: ${doubt}`), ...daemon.audits.map((audit) => `Our bars against the broker's ${audit}`), ...daemon.readiness, ...(daemon.waiting_for ? daemon.report : [])].filter(Boolean);
  byId("notice").hidden = notes.length === 0;
  say(byId("notice"), notes.join("\n"));
});

// --- where the parameters came from ----------------------------------------------------------------

const ORIGIN = { none: "no evidence", promoted: "promoted", differs: "differs", unreadable: "unreadable" };
const ORIGIN_TONE = { none: "", promoted: "good", differs: "fair", unreadable: "bad" };

document.addEventListener("snapshot", ({ detail: { daemon } }) => {
  const place = byId("evidence");
  const text = JSON.stringify(daemon.evidence);
  if (place.dataset.of === text) return;
  place.dataset.of = text;
  place.replaceChildren();
  for (const { strategy, origin, told } of daemon.evidence) {
    const line = element("p", "", place);
    say(element("span", "", line), strategy, "symbol");
    say(element("span", "", line), ORIGIN[origin], `pill ${ORIGIN_TONE[origin]}`);
    say(element("span", "", line), origin === "none" ? "" : told.replace(/^(promoted|differs) /, ""), "quiet");
  }
});

// --- the certificate of the last closed day --------------------------------------------------------

const certificate = { of: "", asked: -CERTIFICATES_EVERY_MS };

document.addEventListener("snapshot", async ({ detail: { daemon } }) => {
  const now = performance.now();
  if (certificate.of === daemon.day && now - certificate.asked < CERTIFICATES_EVERY_MS) return;
  Object.assign(certificate, { of: daemon.day, asked: now });
  const answer = await ask("/api/certificates");
  const last = answer?.data[0];
  const lamp = byId("certificate");
  say(lamp, last ? `${VERDICT[last.verdict]} ${last.day.slice(5)}` : "", "lamp " + (VERDICT_TONE[last?.verdict] ?? ""));
  if (last) lamp.href = `/api/certificates/${last.day}`;
});
