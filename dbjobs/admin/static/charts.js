// Shows the values of the bucket under the pointer above its chart, in place of the browser's own slow hint.
export function startCharts() {
  document.addEventListener("pointerover", (event) => {
    const box = event.target.closest && event.target.closest(".chart .hit, .chart svg.portions rect");
    const readout = box && box.closest(".chart").querySelector(".readout");
    if (!readout) return;
    const title = box.querySelector("title");
    if (title) {
      box.dataset.told = title.textContent;
      title.remove();
    }
    readout.textContent = box.dataset.told || "";
  });
  document.addEventListener("pointerout", (event) => {
    const chart = event.target.closest && event.target.closest(".chart");
    if (chart && !chart.contains(event.relatedTarget)) chart.querySelector(".readout").textContent = "";
  });
}
