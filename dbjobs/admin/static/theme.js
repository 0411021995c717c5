// Light or dark: the system's, until somebody chooses.
const NAME = "dbjobs-theme";

export function startTheme() {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const kept = localStorage.getItem(NAME);
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem(NAME, root.dataset.theme);
  });
}
