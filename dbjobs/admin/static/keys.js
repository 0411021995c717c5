// Keys: they do nothing while somebody types, and nothing that the mouse cannot do. "?" lists them.
const HELP = [
  ["?", "these keys"],
  [".", "go to a page, or do something, by its name"],
  ["/", "search"],
  ["g and a letter", "a page"],
  ["j, k", "the next row, the row before"],
  ["Enter", "open the row"],
  ["p", "pause live updates, or go on"],
  ["t", "light or dark"],
  ["Escape", "close what is open"],
];
const GOING_MS = 1500;

export function startKeys() {
  let going = 0;
  document.querySelector(".panel .close")?.focus({ preventScroll: true });
  document.getElementById("keys")?.addEventListener("click", help);
  reach();
  addEventListener("resize", reach);
  document.addEventListener("dbjobs:live", reach);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.isComposing) return;
    if (event.target.closest("input, textarea, select, [contenteditable], dialog")) return;
    if (Date.now() - going < GOING_MS) {
      going = 0;
      document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`)?.click();
      return;
    }
    const run = {
      "?": help,
      ".": palette,
      "/": search,
      g: () => (going = Date.now()),
      j: () => step(1),
      k: () => step(-1),
      p: () => document.getElementById("pause")?.click(),
      t: () => document.getElementById("theme")?.click(),
    }[event.key];
    if (!run) return;
    event.preventDefault();
    run();
  });
}

// Makes scrolling areas focusable, so that the arrow keys scroll them.
function reach() {
  for (const box of document.querySelectorAll(".scroll, pre, figure, ol, .tabs")) {
    const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
    if (scrolls) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}

function search() {
  document.querySelector("main input[type=search], main [data-search]")?.focus();
}

// Moves the focus along the rows of the page's tables, so that the screen reader follows and Enter opens a row.
function step(by) {
  const rows = [...document.querySelectorAll("main tbody tr")].filter((row) => row.querySelector("a[href]"));
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const row = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by];
  if (!row) return;
  for (const other of rows) other.classList.toggle("here", other === row);
  row.querySelector("a[href]").focus();
}

function dialog(name, title) {
  const box = document.createElement("dialog");
  box.id = name;
  box.setAttribute("aria-labelledby", `${name}-title`);
  const heading = box.appendChild(document.createElement("h2"));
  heading.id = `${name}-title`;
  heading.textContent = title;
  box.addEventListener("close", () => box.remove());
  box.addEventListener("click", (event) => {
    if (event.target === box) box.close(); // beside it
  });
  // Escape closes the dialog, not what is behind it.
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") event.stopPropagation();
  });
  document.body.append(box);
  return box;
}

const pages = () => [...document.querySelectorAll("nav a[href]")];

function help() {
  const box = dialog("help", "Keys");
  const list = box.appendChild(document.createElement("dl"));
  list.className = "facts";
  const letters = pages().filter((link) => link.dataset.key).map((link) => [`g ${link.dataset.key}`, link.textContent.trim()]);
  for (const [key, text] of [...HELP, ...letters]) {
    const term = list.appendChild(document.createElement("dt"));
    term.appendChild(document.createElement("kbd")).textContent = key;
    list.appendChild(document.createElement("dd")).textContent = text;
  }
  const form = box.appendChild(document.createElement("form"));
  form.method = "dialog";
  form.appendChild(document.createElement("button")).textContent = "Close";
  box.showModal();
}

function palette() {
  const box = dialog("palette", "Go to");
  const label = box.appendChild(document.createElement("label"));
  label.textContent = "A page or an action ";
  const input = label.appendChild(document.createElement("input"));
  input.type = "search";
  input.autocomplete = "off";
  const list = box.appendChild(document.createElement("ul"));
  const buttons = [...document.querySelectorAll(".tools button:not([hidden]), main a.button, main button:not([hidden])")];
  const things = [...pages(), ...buttons].map((thing) => ({
    thing,
    name: (thing.getAttribute("aria-label") ?? thing.textContent).trim(),
  }));
  const run = (thing) => {
    box.close();
    thing.matches("main button") ? thing.focus() : thing.click(); // the page's own button does its action
  };
  const show = () => {
    const wanted = input.value.trim().toLowerCase();
    list.replaceChildren(
      ...things
        .filter(({ name }) => name && name.toLowerCase().includes(wanted))
        .slice(0, 12)
        .map(({ thing, name }) => {
          const item = document.createElement("li");
          const button = item.appendChild(document.createElement("button"));
          button.type = "button";
          button.className = "quiet";
          button.textContent = name;
          button.addEventListener("click", () => run(thing));
          return item;
        }),
    );
  };
  input.addEventListener("input", show);
  box.addEventListener("keydown", (event) => {
    if (event.isComposing) return; // Enter then accepts a word of the input method
    const items = [...list.querySelectorAll("button")];
    const at = items.indexOf(document.activeElement);
    if (event.key === "Enter" && at < 0 && items[0]) {
      event.preventDefault();
      items[0].click();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      (items[at + (event.key === "ArrowDown" ? 1 : -1)] ?? input).focus();
    }
  });
  show();
  box.showModal();
  input.focus();
}
