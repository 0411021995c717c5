// Light or dark: the system's, until somebody chooses.
import { keep, recall } from "./storage.js";

const NAME = "dbjobs-theme";

export function startTheme() {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const chosen = recall("localStorage", NAME);
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    keep("localStorage", NAME, root.dataset.theme);
  });
}
