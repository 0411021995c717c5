// Times in the browser's zone: the time of day if it is today, else the date; the full time on hover.
const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

let shownOn = "";

export function showTimes(root) {
  const today = new Date().toDateString();
  if (root === document) shownOn = today;
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    element.textContent = moment.toDateString() === today ? time.format(moment) : day.format(moment);
    element.title = full.format(moment);
  }
}

// After midnight, a bare time of day would look like today's.
export function startTimes() {
  showTimes(document);
  setInterval(() => {
    if (new Date().toDateString() !== shownOn) showTimes(document);
  }, 30000);
}
