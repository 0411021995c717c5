// One stream of change notices for all visible tabs of this browser. The leading tab holds it and passes on what it
// hears. A hidden tab gives up the lead and asks nothing.
import { keep, recall } from "./storage.js";

const FIRST_MS = 3000; // If the first notice has not arrived by then, a proxy holds the stream back.
const QUIET_MS = 25000; // The server says something every 10 s.
const AGAIN_MS = 60000;
const TURN_MS = 4000;

export class Stream {
  // told({ all, jobs, requests }): something changed. state(name): live, polling or closed.
  constructor(url, told, state) {
    this.url = url;
    this.told = told;
    this.state = state;
    this.wants = []; // what this tab shows in addition to what all show, as URL parameters: "job=7", "requests="
    this.key = `dbjobs-live ${new URL(url, location.href).pathname}`;
    this.others = new Map(); // the same of other tabs, by tab
    this.me = crypto.getRandomValues(new Uint32Array(2)).join("");
    this.channel = new BroadcastChannel(this.key);
    this.channel.onmessage = ({ data }) => this.hear(data);
  }

  start(wants) {
    this.wants = wants;
    if (this.stopped === false) return;
    this.stopped = false;
    this.heardAt = Date.now();
    this.say({ kind: "here", wants });
    this.leave = turn(this.key, this.me, () => this.lead());
    this.watch = setInterval(() => this.check(), 1000);
  }

  stop() {
    if (this.stopped !== false) return;
    this.stopped = true;
    this.say({ kind: "away" });
    clearInterval(this.watch);
    this.close();
    this.leave();
  }

  say(message) {
    this.channel.postMessage({ ...message, from: this.me });
  }

  hear(message) {
    if (this.stopped !== false) return;
    if (message.kind === "here") {
      this.others.set(message.from, message.wants ?? []); // none: a tab of an older release
      if (this.leading) {
        this.pass({ kind: "state", state: this.current ?? "polling" });
        this.connect();
      }
    } else if (message.kind === "who") {
      this.say({ kind: "here", wants: this.wants });
    } else if (message.kind === "away") {
      this.others.delete(message.from);
    } else if (!this.leading) {
      this.take(message);
    }
  }

  // From the tab that leads, this one or another.
  take(message) {
    this.heardAt = Date.now();
    if (message.kind === "state") this.state((this.current = message.state));
    if (message.kind === "change") this.told(message);
  }

  pass(message) {
    this.take(message);
    this.say(message);
  }

  // --- the tab that leads -------------------------------------------------------------------------

  lead() {
    this.leading = true;
    this.say({ kind: "who" });
    this.connect();
  }

  wanted() {
    return [...new Set([this.wants, ...this.others.values()].flat())].sort().join("&");
  }

  connect() {
    const wanted = this.wanted();
    if (this.source && this.source.readyState !== EventSource.CLOSED && wanted === this.connected) return;
    if (this.againAt && Date.now() < this.againAt) return;
    if (this.source) this.source.close();
    clearTimeout(this.first);
    this.connected = wanted;
    this.source = new EventSource(wanted ? `${this.url}?${wanted}` : this.url);
    const source = this.source;
    this.first = setTimeout(() => this.fail(source), FIRST_MS);
    const on = (name, run) =>
      source.addEventListener(name, (event) => {
        if (source !== this.source) return;
        this.againAt = 0;
        this.eventAt = Date.now();
        run(event);
      });
    on("open", (event) => {
      if (event.data === undefined) return; // the connection's own event of that name
      clearTimeout(this.first);
      this.pass({ kind: "state", state: "live" });
      this.pass({ kind: "change", all: true, jobs: [] });
    });
    on("beat", () => this.pass({ kind: "state", state: "live" }));
    on("change", (event) => this.pass({ kind: "change", ...JSON.parse(event.data) }));
    on("trouble", () => this.pass({ kind: "state", state: "polling" }));
    on("closed", () => {
      this.fail(source);
      this.pass({ kind: "change", all: true, jobs: [] }); // The page's own answer says why: no room, or no right.
    });
    source.onerror = () => {
      if (source !== this.source) return;
      if (source.readyState === EventSource.CLOSED) return this.fail(source);
      this.pass({ kind: "state", state: "polling" }); // it tries again by itself
      clearTimeout(this.first);
      this.first = setTimeout(() => this.fail(source), FIRST_MS * 3);
    };
  }

  fail(source) {
    if (source !== this.source) return;
    this.close();
    this.againAt = Date.now() + AGAIN_MS;
    this.pass({ kind: "state", state: "polling" });
  }

  close() {
    clearTimeout(this.first);
    if (this.source) this.source.close();
    this.source = null;
    if (this.stopped) this.leading = false;
  }

  check() {
    if (this.leading) {
      this.say({ kind: "state", state: this.current ?? "polling" });
      if (!this.source && Date.now() >= (this.againAt ?? 0)) this.connect();
      else if (this.source && this.current === "live" && Date.now() - this.eventAt > QUIET_MS) this.fail(this.source);
    } else if (Date.now() - this.heardAt > TURN_MS + FIRST_MS) {
      this.state((this.current = "polling"));
    }
  }
}

// Calls lead() when it is this tab's turn; returns a function that gives the turn up.
function turn(key, me, lead) {
  if (navigator.locks) {
    const waiting = new AbortController();
    let over = () => {};
    const until = new Promise((resolve) => (over = resolve));
    navigator.locks
      .request(key, { signal: waiting.signal }, () => {
        lead();
        return until;
      })
      .catch(() => {});
    return () => {
      over();
      waiting.abort();
    };
  }
  // Without TLS, except on localhost, browsers have no locks: we use a note with a time that its writer renews.
  let led = false;
  const look = () => {
    const note = JSON.parse(recall("localStorage", key) ?? "null");
    const mine = note && note.me === me;
    if (mine || !note || note.until < Date.now()) keep("localStorage", key, JSON.stringify({ me, until: Date.now() + TURN_MS }));
    if (mine && !led) {
      led = true;
      lead();
    }
  };
  look();
  const looking = setInterval(look, 500);
  return () => {
    clearInterval(looking);
    if (led) keep("localStorage", key, null);
  };
}
