// A number as written: above 2**53 JavaScript would show a different one.
function exact(_, value, written) {
  const whole = typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(written?.source ?? "");
  return whole && JSON.rawJSON ? JSON.rawJSON(written.source) : value;
}

// The jobs grid: pick rows (a range with shift), show requests in place, sort by several columns.
export function startGrid() {
  for (const select of document.querySelectorAll("select[data-submit]")) {
    select.addEventListener("change", () => select.form.requestSubmit());
  }
  const form = document.getElementById("selection");
  if (!form) return;
  const root = document.querySelector("meta[name=dbjobs-root]").content;
  const boxes = () => [...form.querySelectorAll("tbody input[name=ids]")];
  const all = () => document.getElementById("pick-all");
  let last = null;

  const count = () => {
    const picked = boxes().filter((box) => box.checked).length;
    const sign = document.getElementById("chosen");
    const text = picked ? `${picked} selected` : "none selected";
    if (sign && sign.textContent !== text) sign.textContent = text;
    for (const button of form.querySelectorAll(".actions-bar button")) button.disabled = !picked;
    if (all()) {
      all().checked = picked > 0 && picked === boxes().length;
      all().indeterminate = picked > 0 && picked < boxes().length;
    }
  };
  form.addEventListener("click", (event) => {
    const box = event.target.closest("input[type=checkbox]");
    if (box === all() && box) for (const one of boxes()) one.checked = box.checked;
    else if (box?.name === "ids") {
      const list = boxes();
      if (event.shiftKey && last && list.includes(last)) {
        const [from, to] = [list.indexOf(last), list.indexOf(box)].sort((a, b) => a - b);
        for (const one of list.slice(from, to + 1)) one.checked = box.checked;
      }
      last = box;
    }
    if (box) count();
    const link = event.target.closest("a[data-add-sort]");
    if (link && event.shiftKey) {
      event.preventDefault();
      const query = new URLSearchParams(location.search);
      const name = link.dataset.addSort.replace(/^-/, "");
      const keys = (query.get("sort") ?? "").split(",").filter((key) => key && key.replace(/^-/, "") !== name);
      query.set("sort", [...keys, link.dataset.addSort].slice(-3).join(","));
      query.delete("before");
      query.delete("offset");
      location.search = query;
    }
  });
  // A reload silently keeps earlier ticks.
  addEventListener("pageshow", count);
  document.addEventListener("dbjobs:live", count);
  count();

  form.addEventListener("toggle", (event) => {
    const peek = event.target;
    if (peek.matches?.("details.peek[open]")) load(peek);
  }, true);
  form.addEventListener("pointerover", (event) => {
    const peek = event.target.closest?.("details.peek");
    if (peek && !peek.open && event.pointerType === "mouse") load(peek, true);
  });

  async function load(peek, hover = false) {
    if (hover && peek.dataset.asked) return;
    peek.dataset.asked = "1";
    if (!peek.dataset.text) {
      const answer = await fetch(`${root}api/job?id=${peek.dataset.job}`, { credentials: "same-origin" }).catch(() => null);
      if (!answer?.ok) return;
      peek.dataset.text = JSON.stringify(JSON.parse(await answer.text(), exact).request, null, 2);
    }
    peek.firstElementChild.title = peek.dataset.text;
    if (!peek.open) return;
    const shown = document.createElement("pre");
    shown.textContent = peek.dataset.text;
    while (peek.children.length > 1) peek.lastElementChild.remove();
    peek.append(shown);
  }
}
