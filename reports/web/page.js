"use strict";

// The page: its data, what the reader moves, and what follows from that.
const Page = (() => {
  const state = { data: null, given: {}, priced: [], points: [], views: new Map(), waits: true };

  async function unpack(text) {
    const bytes = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  }

  function reprice() {
    const { data, given } = state;
    state.priced = data.runs.map((run) => {
      const records = [...data.machines[run.machine].records, ...run.follow]; // a price that follows is the run's own
      return Pricing.price(run, data.traces[run.trace], records, { ...given[run.machine], ...run.given });
    });
    const texts = {};
    data.runs.forEach((run, at) => {
      for (const [key, text] of Object.entries(Cells.ofRun(run, state.priced[at]))) texts[`${at}/${key}`] = text;
    });
    if (data.sweep) {
      state.points = Sweep.price(data.sweep, data.machines, given);
      Object.assign(texts, Sweep.texts(data.sweep, state.points));
    }
    Cells.fill(document, texts);
  }

  // The specification and the data of the chart in an element.
  function chartOf(element) {
    const { data, priced } = state;
    const kind = element.dataset.chart;
    if (kind === "bars") return Charts.bars(data.charts.bars, data.runs, priced, data.palette, state.waits, element.clientWidth);
    if (kind.startsWith("study")) return [data.charts[kind], {}];
    if (element.dataset.run && kind !== "timeline") {
      return [data.charts[kind], { [kind]: data.runs[Number(element.dataset.run)].memory[kind] }];
    }
    if (kind !== "timeline") return Sweep.chart(kind, data.sweep, state.points, data.charts, data.palette, element.clientWidth);
    const run = Number(element.dataset.run);
    return [data.charts.timeline, Charts.timeline(data.runs[run], priced[run].prices, data.palette)];
  }

  const inSight = (element) => element.offsetParent !== null;

  // Draws the charts that are in sight; those behind a closed summary wait until it opens.
  async function draw(afresh) {
    if (state.data.sweep) Sweep.arrange(state.data.sweep);
    for (const element of document.querySelectorAll("[data-chart]")) {
      const view = state.views.get(element);
      if (!inSight(element)) continue;
      const [spec, rows] = chartOf(element);
      if (view && !afresh) await Charts.change(view, rows);
      else state.views.set(element, await Charts.show(element, spec, rows));
    }
  }

  let wanted = false;
  let drawing = Promise.resolve();

  // Prices at once; charts follow when the browser has time, once for many moves.
  function update(afresh = false) {
    reprice();
    if (wanted && !afresh) return drawing;
    wanted = true;
    drawing = drawing.then(() => {
      wanted = false;
      return draw(afresh);
    });
    return drawing;
  }

  function setPrice(machine, name, value) {
    const mine = (state.given[machine] ||= {});
    if (value === null) delete mine[name];
    else mine[name] = value;
    const record = state.data.machines[machine].records.find((one) => one.name === name);
    for (const input of document.querySelectorAll(`[data-machine="${machine}"][data-price="${name}"]`)) {
      if (input.type === "button") input.hidden = value === null;
      else if (input !== document.activeElement || value === null) input.value = value === null ? record.value : value;
    }
    const moved = Object.entries(state.given).flatMap(([where, all]) => Object.entries(all).map(([what, at]) => `--price ${what}=${at}`));
    document.getElementById("moved").textContent = moved.join(" ");
    document.getElementById("reset-all").disabled = !moved.length;
    return update();
  }

  function listen() {
    for (const input of document.querySelectorAll("input[data-price]")) {
      input.addEventListener("input", () => {
        const value = input.valueAsNumber;
        if (value >= 0) setPrice(input.dataset.machine, input.dataset.price, value);
      });
    }
    for (const button of document.querySelectorAll("button.reset")) {
      button.addEventListener("click", () => setPrice(button.dataset.machine, button.dataset.price, null));
    }
    document.getElementById("reset-all")?.addEventListener("click", () => {
      for (const [machine, all] of Object.entries(state.given)) for (const name of Object.keys(all)) setPrice(machine, name, null);
    });
    document.getElementById("waits")?.addEventListener("change", (event) => {
      state.waits = event.target.checked;
      update(true);
    });
    for (const details of document.querySelectorAll("details.run")) details.addEventListener("toggle", () => draw(false));
    for (const choice of document.querySelectorAll(".axes select, .axes input")) choice.addEventListener("change", () => update(true));
    listenToTheme();
    window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => (one.open = true)));
  }

  function listenToTheme() {
    const theme = document.getElementById("theme");
    theme.addEventListener("change", () => (document.documentElement.dataset.theme = theme.value));
  }

  // Bars leave idle time out where it would be all that is seen.
  function openBars() {
    if (!state.data.runs.length) return;
    reprice();
    state.waits = Views.countsIdle(state.priced.map(({ bare }) => 1 - bare.busy.cycles / (bare.total.cycles || 1)));
    document.getElementById("waits").checked = state.waits;
  }

  async function open() {
    state.data = await unpack(document.getElementById("data").textContent);
    const sliders = document.getElementById("sliders");
    if (sliders) sliders.open = !window.matchMedia("(max-width: 60rem)").matches;
    const { sweep, machines } = state.data;
    if (sweep) Sweep.open(sweep, Sweep.price(sweep, machines, {}));
    openBars();
    listen();
    await update(true);
    document.documentElement.dataset.ready = "yes";
  }

  document.addEventListener("DOMContentLoaded", open);
  return { state, setPrice, settled: () => drawing };
})();
