// Sends a form that changes something only once: a second click would do it twice, such as run a job two more times.
const AGAIN_MS = 20000; // The server answers within this time.

export function startForms() {
  let sent = new WeakMap();
  document.addEventListener("submit", (event) => {
    const form = event.target;
    // Not `form.method`: an input may have that name.
    const method = event.submitter?.getAttribute("formmethod") ?? form.getAttribute("method");
    if (event.defaultPrevented || method?.toLowerCase() !== "post") return;
    if (Date.now() - (sent.get(form) ?? -Infinity) < AGAIN_MS) event.preventDefault();
    else sent.set(form, Date.now());
  });
  // Back on the page, the visitor may send it again.
  addEventListener("pageshow", () => (sent = new WeakMap()));
}
