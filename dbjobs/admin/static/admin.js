// What every page does once scripts run. Each part is its own module; a page works without any of them.
import { startTheme } from "./theme.js";
import { startTimes } from "./times.js";
import { startLive } from "./live.js";
import { startCharts } from "./charts.js";
import { startKeys } from "./keys.js";
import { startForms } from "./forms.js";
import { startCopy } from "./copy.js";
import { startCompletion } from "./complete.js";
import { startGrid } from "./grid.js";
import { startPanel } from "./panel.js";

document.documentElement.classList.add("scripts");
startTheme();
startTimes();
startKeys();
startLive();
startCharts();
startForms();
startCopy();
startCompletion();
startGrid();
startPanel();
