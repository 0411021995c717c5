// What every page does once scripts run. Each part is a module of its own; a page works without any of them.
import { startTheme } from "./theme.js";
import { showTimes } from "./times.js";
import { startLive } from "./live.js";
import { startCharts } from "./charts.js";
import { startKeys } from "./keys.js";

startTheme();
showTimes(document);
startKeys();
startLive();
startCharts();
