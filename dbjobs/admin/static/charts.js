// Shows the values of the bucket under the pointer above its chart, instead of the browser's own slow tooltip.
function show(box) {
  const readout = box.closest(".chart").querySelector(".readout");
  const title = box.querySelector("title");
  if (title) {
    box.dataset.told = title.textContent;
    title.remove();
  }
  if (readout) readout.textContent = box.dataset.told || "";
}

export function startCharts() {
  document.addEventListener("pointerover", (event) => {
    const box = event.target.closest && event.target.closest(".chart .hit, .chart svg.portions rect");
    if (box) show(box);
  });
  document.addEventListener("pointerout", (event) => {
    const chart = event.target.closest && event.target.closest(".chart");
    if (chart && !chart.contains(event.relatedTarget)) chart.querySelector(".readout").textContent = "";
  });
  // A live update may change the numbers under a resting pointer.
  document.addEventListener("dbjobs:live", () => {
    const box = document.querySelector(".chart .hit:hover");
    if (box) show(box);
  });
}
