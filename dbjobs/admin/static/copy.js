// Copies: data-copy-from="id of an element", or data-copy-url="relative URL" (empty: this page).
const labels = new WeakMap(); // button -> its label
const timers = new WeakMap();

export function startCopy() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy-from], [data-copy-url]");
    if (!button) return;
    const text = "copyFrom" in button.dataset ? textOf(document.getElementById(button.dataset.copyFrom)) : new URL(button.dataset.copyUrl, location.href).href;
    if (!labels.has(button)) labels.set(button, button.textContent);
    button.textContent = (await copy(text)) ? "Copied" : "Press Ctrl+C";
    clearTimeout(timers.get(button));
    timers.set(button, setTimeout(() => (button.textContent = labels.get(button)), 1500));
  });
}

const textOf = (element) => element.value ?? element.textContent;

// Browsers have the clipboard API only under HTTPS and on localhost; elsewhere we use the old way.
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "hidden";
    const focused = document.activeElement;
    document.body.append(area);
    area.select();
    let done = false;
    try {
      done = document.execCommand("copy");
    } finally {
      area.remove();
      focused?.focus();
    }
    return done;
  }
}
