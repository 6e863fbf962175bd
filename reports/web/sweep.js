"use strict";

// Points of a sweep at the reader's prices, and the data of its charts.
const Sweep = (() => {
  const MOST_STEPS = 40;
  const { count } = Numbers;

  const sum = (spent, prices) => {
    let cycles = 0;
    for (const [name, n] of Object.entries(spent)) cycles += name in prices ? n * prices[name][0] : 0;
    return cycles;
  };

  // Cycles and ratio of each point; what no price moves is the point's own.
  function price(sweep, machines, given) {
    const tables = new Map();
    return sweep.points.map((point) => {
      const own = { ...given[point.machine], ...point.given };
      const key = point.machine + JSON.stringify(own);
      const movable = machines[point.machine].records.filter((record) => record.stated);
      if (!tables.has(key)) tables.set(key, Pricing.inCycles(movable, own));
      const prices = tables.get(key);
      const [cycles, native] = [point.run, point.bare].map((run, side) =>
        Object.values(sweep.runs[run]).reduce((all, spent) => all + sum(spent, prices), point.fixed[side]));
      return { cycles, native, overhead: native ? cycles / native : 1 };
    });
  }

  const distinct = (values) => [...new Set(values)];
  const inOrder = (values) => (values.every((v) => typeof v === "number") ? [...values].sort((a, b) => a - b) : values);
  const words = (value) => (value === null ? "as it is" : String(value));
  const title = (axis) => axis.replace(/^(set|price)\./, "");
  const place = (sweep, point) => sweep.axes.map((axis, k) => `${title(axis)} = ${words(point.at[k])}`).join(", ");

  const times = (x) => Number(x.toPrecision(4)).toString();

  // Texts of the page's cells by key.
  function texts(sweep, priced) {
    const found = {};
    priced.forEach(({ cycles, overhead }, at) => {
      found[`point/${at}/overhead`] = times(overhead);
      found[`point/${at}/cycles`] = count(Math.round(cycles));
    });
    const order = priced.map((_, at) => at).sort((a, b) => priced[a].overhead - priced[b].overhead);
    const [least, most] = [order[0], order[order.length - 1]];
    const where = (at) => `${times(priced[at].overhead)} times bare hardware's at ${place(sweep, sweep.points[at])}`;
    found["sweep/words"] = `Over ${count(priced.length)} points, time is between ${where(least)}, and ${where(most)}.`;
    return found;
  }

  // Which axes are shown, and what the others are at.
  function chosen(sweep) {
    const x = sweep.axes.indexOf(document.getElementById("sweep-x").value);
    let series = sweep.axes.indexOf(document.getElementById("sweep-series").value);
    if (series === x) series = sweep.axes.findIndex((_, at) => at !== x);
    const filters = [];
    for (const label of document.querySelectorAll("[data-filter]")) {
      const at = Number(label.dataset.filter);
      label.hidden = at === x || at === series;
      if (!label.hidden) filters.push([at, distinct(sweep.points.map((p) => p.at[at]))[label.querySelector("select").value]]);
    }
    return { x, series, filters };
  }

  function shown(sweep, priced, { x, series, filters }) {
    const order = inOrder(distinct(sweep.points.map((p) => p.at[x])));
    return sweep.points
      .map((point, at) => ({ point, at, ...priced[at] }))
      .filter(({ point }) => filters.every(([axis, value]) => point.at[axis] === value))
      .sort((a, b) => order.indexOf(a.point.at[x]) - order.indexOf(b.point.at[x]))
      .map(({ point, overhead }) => ({
        x: point.at[x] ?? "as it is",
        series: series < 0 ? "" : words(point.at[series]),
        y: series < 0 ? "" : words(point.at[series]),
        overhead,
        point: place(sweep, point),
      }));
  }

  // The specification and the data of one of the charts, as the reader chose.
  function chart(kind, sweep, priced, specs) {
    const choice = chosen(sweep);
    const rows = shown(sweep, priced, choice);
    const many = rows.every((row) => typeof row.x === "number") && distinct(rows.map((row) => row.x)).length > MOST_STEPS;
    const spec = structuredClone(specs[kind === "curves" ? (many ? "curvesQ" : "curvesO") : "heat"]);
    spec.encoding.x.title = title(sweep.axes[choice.x]);
    if (kind === "heat") spec.encoding.y.title = title(sweep.axes[choice.series]);
    return [spec, { [kind]: rows }];
  }

  return { price, texts, chart };
})();
