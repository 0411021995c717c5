// What the browser keeps for the page. Where site data is blocked it keeps nothing, and asking for it throws.
export function recall(store, name) {
  try {
    return window[store].getItem(name);
  } catch {
    return null;
  }
}

export function keep(store, name, value) {
  try {
    if (value === null) window[store].removeItem(name);
    else window[store].setItem(name, value);
  } catch {
    // until the page is loaded again
  }
}
