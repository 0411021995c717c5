// Makes a part of the page equal to a fresh copy without replacing what stays: rows keep their element (found by id),
// and with it focus, selection, scroll position and an open <details>.
//
// What scripts added (a class, an attribute) stays: we remove only what the server gave before.

const given = new WeakMap(); // element -> { name: value } as the server gave them last

export function remember(root) {
  for (const element of [root, ...root.querySelectorAll("*")]) given.set(element, attributesOf(element));
}

// Counts what was held back: rows that would have come, gone or moved.
export function morph(old, fresh, hold) {
  const kept = { added: 0, other: 0 };
  children(old, fresh, hold, kept);
  return kept;
}

function attributesOf(element) {
  return Object.fromEntries([...element.attributes].map((attribute) => [attribute.name, attribute.value]));
}

function element(old, fresh, hold, kept) {
  attributes(old, fresh);
  if (old.matches("[data-keep]") || (old.matches("time[datetime]") && fresh.dateTime === old.dateTime && old.textContent)) return;
  if (old.matches("input, textarea, select")) return field(old, fresh);
  children(old, fresh, hold, kept);
}

function attributes(old, fresh) {
  const before = given.get(old) ?? attributesOf(old);
  const now = attributesOf(fresh);
  for (const [name, value] of Object.entries(now)) {
    if (before[name] === value && old.hasAttribute(name)) continue;
    if (name === "open" && old.localName === "details") continue;
    if (name === "class") classes(old, before.class ?? "", value);
    else if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const name of Object.keys(before)) {
    if (name in now || (name === "open" && old.localName === "details")) continue;
    if (name === "class") classes(old, before.class, "");
    else old.removeAttribute(name);
  }
  given.set(old, now);
}

function classes(old, before, now) {
  const names = (text) => text.split(/\s+/).filter(Boolean);
  old.classList.remove(...names(before).filter((name) => !names(now).includes(name)));
  old.classList.add(...names(now));
}

// What somebody typed or chose stays.
function field(old, fresh) {
  if (old === document.activeElement) return;
  if (old.localName === "select") {
    if (![...old.options].some((option) => option.selected !== option.defaultSelected)) old.innerHTML = fresh.innerHTML;
  } else if (old.type === "checkbox" || old.type === "radio") {
    if (old.checked === old.defaultChecked) old.checked = fresh.checked;
    old.defaultChecked = fresh.defaultChecked;
  } else if (old.value === old.defaultValue) {
    old.value = old.defaultValue = fresh.defaultValue;
  }
}

const isRows = (parent, fresh) =>
  parent.matches("tbody, ul, ol, [data-rows]") &&
  [parent, fresh].every((list) => [...list.children].every(idOf)) &&
  parent.children.length + fresh.children.length > 0;

function children(old, fresh, hold, kept) {
  if (isRows(old, fresh)) return rows(old, fresh, hold, kept);
  let at = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    // An element with an id matches the one with the same id; others match the next of their kind.
    let match = at;
    if (idOf(next)) {
      match = [...old.childNodes].find((node) => idOf(node) === idOf(next)) ?? null;
    } else {
      while (match && !alike(match, next)) match = match.nextSibling;
    }
    if (!match) {
      old.insertBefore(adopt(next), at);
      continue;
    }
    if (match === at) at = at.nextSibling;
    else {
      // What lies between is gone from the fresh copy, unless it comes later by its id.
      if (!idOf(next)) for (let node = at; node !== match; ) node = drop(node, fresh);
      else if (!holdsFocus(match)) old.insertBefore(match, at);
      if (!idOf(next)) at = match.nextSibling;
    }
    if (match.nodeType === Node.ELEMENT_NODE) element(match, next, hold, kept);
    else if (match.nodeValue !== next.nodeValue) match.nodeValue = next.nodeValue;
  }
  while (at) at = drop(at, null);
}

// Not `node.id`: on a form that is its input named `id`, if it has one.
const idOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("id") : null);

function alike(one, other) {
  return one.nodeType === other.nodeType && (one.nodeType !== Node.ELEMENT_NODE || (one.localName === other.localName && !idOf(one)));
}

function drop(node, fresh) {
  const after = node.nextSibling;
  const comes = fresh && idOf(node) && [...fresh.children].some((child) => idOf(child) === idOf(node));
  if (!comes && !holdsFocus(node) && !(node.matches && node.matches("[data-keep]"))) node.remove();
  return after;
}

function holdsFocus(node) {
  return document.activeElement !== document.body && node.contains(document.activeElement);
}

function adopt(node) {
  const own = document.importNode(node, true);
  if (own.nodeType === Node.ELEMENT_NODE) remember(own);
  return own;
}

function rows(old, fresh, hold, kept) {
  const there = new Map([...old.children].map((row) => [idOf(row), row]));
  const wanted = [...fresh.children];
  for (const row of wanted) if (there.has(idOf(row))) element(there.get(idOf(row)), row, hold, kept);
  const same = old.children.length === wanted.length && wanted.every((row, i) => idOf(old.children[i]) === idOf(row));
  for (const row of old.children) row.classList.toggle("gone", hold && !wanted.some((other) => idOf(other) === idOf(row)));
  if (same) return;
  if (hold) {
    const added = old.matches("tbody, ul, ol") ? wanted.filter((row) => !there.has(idOf(row))).length : 0;
    kept.added += added;
    kept.other += added ? 0 : 1;
    return;
  }
  for (const row of [...old.children]) if (!wanted.some((other) => idOf(other) === idOf(row))) row.remove();
  const focused = document.activeElement;
  let at = old.firstElementChild;
  for (const row of wanted) {
    const found = there.get(idOf(row));
    if (found && found === at) at = at.nextElementSibling;
    else old.insertBefore(found ?? adopt(row), at);
  }
  if (focused !== document.activeElement && old.contains(focused)) focused.focus({ preventScroll: true }); // its row moved
}
