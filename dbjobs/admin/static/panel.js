// An open job: while it runs, its log grows and its progress moves; then a refresh of the page brings the rest.
import { mayAsk, refresh } from "./live.js";
import { showTimes } from "./times.js";

const ASK_MS = 500;
const IDLE_MS = 2000;
const MOST_LINES = 5000; // in the page; older ones leave it

export function startPanel() {
  const panel = document.querySelector(".panel"); // a job's, or a request's
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || event.isComposing || !panel) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    // Escape does not throw typed text away at once: the first one leaves the field.
    if (event.target.closest("input, textarea, select")) event.target.blur();
    else panel.querySelector(".close").click();
  });
  const log = document.getElementById("job-log");
  if (!log || log.dataset.finished) return;
  const root = document.querySelector("meta[name=dbjobs-root]").content;
  let state = document.getElementById("job-state")?.textContent;
  log.scrollTop = log.scrollHeight;

  async function ask() {
    if (document.hidden || !mayAsk() || document.getElementById("pause")?.getAttribute("aria-pressed") === "true") return IDLE_MS;
    const answer = await fetch(`${root}api/job/progress?id=${log.dataset.job}&after_id=${log.dataset.after}`, { credentials: "same-origin" });
    if (answer.status === 401 || answer.status === 403) {
      await refresh().catch(() => {}); // The page finds out, and says so.
      return mayAsk() ? 0 : IDLE_MS; // A link to this page alone: it brings itself up to date.
    }
    if (!answer.ok) return answer.status === 404 ? 0 : IDLE_MS;
    const now = await answer.json();
    add(now.logs);
    log.dataset.after = now.last_id_text;
    show(now);
    if (now.state !== state) {
      state = now.state;
      await refresh().catch(() => {});
    }
    if (now.finished) return 0;
    return now.more ? 1 : now.state === "started" || now.state === "executed" ? ASK_MS : IDLE_MS;
  }
  function add(lines) {
    if (!lines.length) return;
    const following = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
    document.getElementById("no-log")?.remove();
    log.hidden = false;
    for (const line of lines) {
      const item = document.createElement("li");
      item.className = line.level.toLowerCase();
      const time = document.createElement("time");
      time.dateTime = line.at;
      const level = document.createElement("b");
      level.textContent = line.level.toLowerCase();
      const text = document.createElement("span");
      text.textContent = line.message;
      item.append(time, " ", level, " ", text, "\n");
      log.append(item);
    }
    while (log.children.length > MOST_LINES) log.firstElementChild.remove();
    showTimes(log);
    if (following) log.scrollTop = log.scrollHeight;
  }
  function show(now) {
    const status = document.getElementById("job-status");
    if (status) status.textContent = now.status ?? "";
    const place = document.getElementById("job-progress");
    const share = now.progress ?? now.estimate;
    if (!place || share === null || now.finished) return;
    let bar = place.querySelector("progress");
    if (!bar) {
      bar = document.createElement("progress");
      bar.max = 1;
      place.append(bar, " ", document.createElement("span"));
    }
    bar.value = share;
    bar.setAttribute("aria-label", now.progress === null ? "Estimated progress" : "Progress");
    place.querySelector("span").textContent = `${now.progress === null ? "~" : ""}${Math.round(share * 100)} %`;
  }
  const loop = async () => {
    let wait = IDLE_MS;
    try {
      wait = await ask();
    } catch {
      wait = IDLE_MS;
    }
    if (wait) setTimeout(loop, wait);
  };
  setTimeout(loop, ASK_MS);
}
