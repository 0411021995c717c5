// Completes the text in the search box: a combobox with a list, as in the ARIA authoring practices.
const WAIT_MS = 120;

export function startCompletion() {
  const box = document.getElementById("q");
  if (!box || box.type !== "search") return;
  const root = document.querySelector("meta[name=dbjobs-root]").content;
  const list = document.createElement("ul");
  list.id = "proposals";
  list.className = "proposals";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Proposals");
  list.hidden = true;
  box.after(list);
  for (const [name, value] of [["role", "combobox"], ["aria-expanded", "false"], ["aria-autocomplete", "list"], ["aria-controls", list.id]]) {
    box.setAttribute(name, value);
  }
  let found = null;
  let chosen = -1;
  let asked = 0;
  let waiting = 0;

  const close = () => {
    list.hidden = true;
    chosen = -1;
    asked++;
    clearTimeout(waiting);
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
  };
  const mark = (index) => {
    chosen = index;
    [...list.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === index)));
    if (index < 0) box.removeAttribute("aria-activedescendant");
    else {
      box.setAttribute("aria-activedescendant", list.children[index].id);
      list.children[index].scrollIntoView({ block: "nearest" });
    }
  };
  const take = (index) => {
    const text = found.proposals[index].text;
    const after = text.endsWith(":") ? "" : " ";
    box.value = box.value.slice(0, found.start) + text + after + box.value.slice(found.end).trimStart();
    const at = found.start + text.length + after.length;
    box.setSelectionRange(at, at);
    box.focus();
    close();
    if (!after) propose();
  };
  const show = () => {
    list.replaceChildren(
      ...found.proposals.map((proposal, index) => {
        const item = document.createElement("li");
        item.id = `proposal-${index}`;
        item.setAttribute("role", "option");
        item.setAttribute("aria-selected", "false");
        const note = document.createElement("small");
        note.textContent = proposal.note;
        item.append(proposal.text, note);
        item.addEventListener("mousedown", (event) => {
          event.preventDefault();
          take(index);
        });
        return item;
      }),
    );
    list.hidden = !found.proposals.length;
    box.setAttribute("aria-expanded", String(!list.hidden));
    mark(-1);
  };
  const propose = () => {
    clearTimeout(waiting);
    const mine = ++asked;
    waiting = setTimeout(async () => {
      const query = new URLSearchParams({ text: box.value, at: String(box.selectionStart) });
      const answer = await fetch(`${root}api/jobs/complete?${query}`, { credentials: "same-origin" }).catch(() => null);
      if (!answer?.ok || mine !== asked) return;
      const given = await answer.json();
      if (mine !== asked || document.activeElement !== box) return;
      found = given;
      show();
    }, WAIT_MS);
  };
  box.addEventListener("input", propose);
  box.addEventListener("blur", close);
  box.addEventListener("keydown", (event) => {
    if (event.isComposing) return; // the keys belong to the input method
    const open = !list.hidden;
    const count = list.children.length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!open) propose();
      else mark(event.key === "ArrowDown" ? (chosen + 1) % count : (chosen <= 0 ? count : chosen) - 1);
      event.preventDefault();
    } else if (open && event.key === "Escape") {
      close();
      event.preventDefault();
    } else if (open && (event.key === "Enter" || event.key === "Tab") && chosen >= 0) {
      take(chosen);
      event.preventDefault();
    } else if (event.key === "Enter") close();
  });
}
