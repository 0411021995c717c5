// Keeps the parts of a page marked with data-live up to date: when a stream tells it to, else now and then, it fetches
// the page again and takes over what differs (morph.js).
//
// Rows do not move while the pointer or the focus is among them, or where data-live="hold": a bar says how many are new.
import { morph, remember } from "./morph.js";
import { keep, recall } from "./storage.js";
import { Stream } from "./stream.js";
import { showTimes } from "./times.js";

const GAP_MS = 250;
const SHARE = 4; // We ask a page again after this many times as long as its last answer took, but
const GAP_MOST_MS = 2000; // no later than this. With many jobs the server's notices come even less often.
const POLL_MS = 2500;
const SLOW_MS = 15000; // For changes without a notice (a page may show more than the pulse covers).
const PRESS_MOST_MS = 5000; // If we never see the end of a press, it holds updates back no longer than this.
const PAUSED = "dbjobs-paused";

const regions = () => document.querySelectorAll("[data-live][id]");
const held = new Map(); // region -> its fresh copy, whose rows wait for the bar

let running = null;
let again = false;
let gone = false; // The server no longer knows the visitor: we ask nothing until somebody looks at this page again.
let goodAt = Date.now();
let askedAt = Date.now();
// When jobs stream by, a page asks for at most a fifth of the time: each answer costs its own time plus a rest, one
// after the other. It may ask once all answers but the last are paid for, so a change right after the first one shows
// at once, too; but no sooner than nextAt.
let paidAt = 0;
let nextAt = 0;

// Between pressing a button and its click nothing changes: the pointer could end up over another row, or over nothing.
let pressedAt = 0;
addEventListener("pointerdown", () => (pressedAt = Date.now()), true);
for (const name of ["pointerup", "pointercancel"]) {
  addEventListener(name, () => setTimeout(() => (pressedAt = 0)), true); // the click comes first
}

async function released() {
  while (Date.now() - pressedAt < PRESS_MOST_MS) await new Promise((go) => setTimeout(go, 30));
}

export const mayAsk = () => !gone;

export function refresh() {
  if (running) {
    again = true;
    return running;
  }
  running = ask().finally(() => {
    running = null;
    if (again) {
      again = false;
      setTimeout(() => {
        if (!document.hidden && !gone) refresh().catch(() => {});
      }, Math.max(GAP_MS, nextAt - Date.now()));
    }
  });
  return running;
}

async function ask() {
  askedAt = Date.now();
  const answer = await fetch(location.href, { headers: { "x-dbjobs-live": "1" }, credentials: "same-origin" });
  gone = answer.status === 401 || answer.status === 403;
  if (!answer.ok) throw new Error(`${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  // If the request was redirected to the application's login page, that is not one of our pages.
  gone = fresh.querySelector("meta[name=dbjobs-root]") === null;
  if (gone) throw new Error("another page");
  goodAt = Date.now();
  await released();
  showTimes(fresh);
  for (const old of regions()) {
    const found = fresh.getElementById(old.id);
    if (found) take(old, found);
  }
  bar();
  nextAt = Math.max(paidAt, goodAt);
  paidAt = Math.max(paidAt, askedAt) + (goodAt - askedAt) + Math.min(SHARE * (goodAt - askedAt), GAP_MOST_MS);
  document.dispatchEvent(new CustomEvent("dbjobs:live"));
}

function take(old, fresh) {
  if (selects(old)) return;
  const hold = old.dataset.live === "hold" || old.matches(":hover") || old.contains(document.activeElement);
  const kept = morph(old, fresh, hold);
  if (kept.added || kept.other) held.set(old, { fresh, ...kept });
  else held.delete(old);
}

function selects(region) {
  const selection = getSelection();
  return selection && !selection.isCollapsed && selection.containsNode(region, true);
}

function bar() {
  const button = document.getElementById("more") ?? document.body.appendChild(makeBar());
  const added = [...held.values()].reduce((sum, kept) => sum + kept.added, 0);
  button.hidden = !held.size;
  if (held.size) button.textContent = added ? `${added} new` : "Show changes";
}

function makeBar() {
  const button = document.createElement("button");
  button.type = "button";
  button.id = "more";
  button.className = "more";
  button.hidden = true;
  button.addEventListener("click", () => {
    for (const [region, kept] of held) morph(region, kept.fresh, false);
    held.clear();
    bar();
    document.dispatchEvent(new CustomEvent("dbjobs:live"));
  });
  return button;
}

export function startLive() {
  const sign = document.getElementById("live");
  const button = document.getElementById("pause");
  if (!sign || !regions().length) return;
  for (const region of regions()) remember(region);
  const root = document.querySelector("meta[name=dbjobs-root]").content;
  const query = new URLSearchParams(location.search);
  const jobs = [...query.getAll("job"), ...query.getAll("id")].filter((id) => /^\d+$/.test(id));
  const requests = document.querySelector("[data-live][data-hears=requests]") !== null;
  const wants = [...jobs.map((id) => `job=${id}`), ...(requests ? ["requests="] : [])];
  let state = "polling";
  let failed = false;
  let resting = recall("sessionStorage", PAUSED) === "1"; // after a reload, too
  const paused = () => resting;

  const words = sign.appendChild(document.createElement("span"));
  const age = sign.appendChild(document.createElement("span"));
  age.setAttribute("aria-hidden", "true"); // A screen reader announces the state, not every second of it.
  sign.firstChild.remove();
  const load = document.createElement("button");
  load.type = "button";
  load.className = "quiet";
  load.textContent = "load again";
  load.addEventListener("click", () => location.reload());
  const show = () => {
    const now = paused() ? "paused" : gone ? "gone" : failed ? "stale" : state;
    if (sign.dataset.state !== now) {
      sign.dataset.state = now;
      words.textContent = now === "gone" ? "logged out: " : now;
      if (now === "gone") sign.append(load);
      else load.remove();
    }
    age.textContent = now === "stale" ? ` for ${Math.round((Date.now() - goodAt) / 1000)} s` : "";
  };
  const look = () =>
    refresh().then(
      () => (failed = false),
      () => (failed = true),
    ).then(() => {
      if (gone) stream.stop();
      else if (!failed && !document.hidden && !paused()) stream.start(wants);
      show();
    });

  const stream = new Stream(
    `${root}live`,
    (change) => {
      if (change.all || change.jobs.some((job) => jobs.includes(String(job))) || (change.requests && requests)) soon();
    },
    (now) => {
      state = now;
      show();
    },
  );
  let due = 0;
  const soon = () => {
    if (due) return;
    due = setTimeout(() => {
      due = 0;
      if (document.hidden || paused() || gone) return;
      if (Date.now() < nextAt) soon(); // An answer has arrived since, and says how long to rest.
      else look();
    }, Math.max(0, askedAt + GAP_MS - Date.now(), nextAt - Date.now()));
  };
  const settle = () => {
    if (document.hidden || paused()) stream.stop();
    else if (gone) look(); // Perhaps somebody logged in meanwhile.
    else {
      stream.start(wants);
      soon();
    }
    if (button) {
      button.setAttribute("aria-pressed", String(paused()));
      button.setAttribute("aria-label", paused() ? "Go on with live updates" : "Pause live updates");
    }
    show();
  };
  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => {
      resting = !resting;
      keep("sessionStorage", PAUSED, resting ? "1" : "0");
      settle();
    });
  }
  document.addEventListener("visibilitychange", settle);
  addEventListener("focus", () => {
    if (gone) settle();
  });
  addEventListener("pagehide", () => stream.stop());
  addEventListener("pageshow", (event) => {
    if (event.persisted) settle();
  });
  setInterval(() => {
    if (document.hidden || paused()) return;
    if (gone) stream.stop(); // The panel may have found out.
    else if (Date.now() >= nextAt && Date.now() - askedAt >= (state === "live" && !failed ? SLOW_MS : POLL_MS)) look();
    show();
  }, 500);
  settle();
}
