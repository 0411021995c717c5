// Keeps the parts of a page that are marked with data-live up to date: asks for the page again, and takes those parts.
import { showTimes } from "./times.js";

const POLL_MS = 3000;

export async function refresh() {
  const answer = await fetch(location.href, { headers: { "x-dbjobs-live": "1" }, credentials: "same-origin" });
  if (!answer.ok) throw new Error(`${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const old of document.querySelectorAll("[data-live][id]")) {
    const found = fresh.getElementById(old.id);
    if (found && found.innerHTML !== old.dataset.was) {
      old.dataset.was = found.innerHTML;
      old.innerHTML = found.innerHTML;
      showTimes(old);
    }
  }
}

export function startLive() {
  const sign = document.getElementById("live");
  if (!sign || !document.querySelector("[data-live]")) return;
  const tell = (state) => {
    sign.dataset.state = state;
    sign.textContent = state;
  };
  tell("polling");
  setInterval(async () => {
    if (document.hidden) return;
    try {
      await refresh();
      tell("polling");
    } catch {
      tell("stale");
    }
  }, POLL_MS);
}
