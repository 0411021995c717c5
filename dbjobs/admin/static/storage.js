// What the browser stores for the page. If site data is blocked, it stores nothing, and access throws.
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
