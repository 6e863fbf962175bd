"use strict";

// Points of a sweep at the reader's prices, and the data of its charts.
const Sweep = (() => {
  const MOST_STEPS = 40;
  const FEW_CURVES = 4;
  const MOST_LETTERS = 40;
  const { count, bounds: limits } = Numbers;

  const sum = (spent, prices) => {
    let cycles = 0;
    for (const [name, n] of Object.entries(spent)) cycles += name in prices ? n * prices[name][0] : 0;
    return cycles;
  };

  // What runs spent, all mechanisms together.
  const wholes = new WeakMap();
  function whole(run) {
    if (!wholes.has(run)) {
      const found = {};
      for (const spent of Object.values(run)) for (const [name, n] of Object.entries(spent)) found[name] = (found[name] || 0) + n;
      wholes.set(run, found);
    }
    return wholes.get(run);
  }

  // What the ratio of a point can be within the bounds of prices, its idle time fixed.
  function bounds(runs, fixed, prices) {
    const ranges = { "": [1, 1] };
    const amounts = runs.map((run, side) => {
      const found = { "": fixed[side] };
      for (const [name, n] of Object.entries(whole(run))) {
        if (!(name in prices)) continue;
        found[name] = n;
        ranges[name] = prices[name].slice(1);
      }
      return found;
    });
    return [Math.min, Math.max].map((extreme) => Pricing.ratioExtreme(amounts[0], amounts[1], ranges, extreme));
  }

  // Cycles and ratio of each point; what no price moves is the point's own, and so are bounds until one is moved.
  function price(sweep, machines, given) {
    const tables = new Map();
    return sweep.points.map((point) => {
      const moved = given[point.machine] || {};
      const own = { ...moved, ...point.given };
      const key = point.machine + JSON.stringify(own);
      const movable = machines[point.machine].records.filter((record) => record.stated);
      if (!tables.has(key)) tables.set(key, Pricing.inCycles(movable, own));
      const prices = tables.get(key);
      const runs = [point.run, point.bare].map((run) => sweep.runs[run]);
      const [cycles, native] = runs.map((run, side) => point.fixed[side] + sum(whole(run), prices));
      const [low, high] = Object.keys(moved).length ? bounds(runs, point.fixed, prices) : point.bounds;
      return { cycles, native, overhead: native ? cycles / native : 1, low, high, prices };
    });
  }

  const distinct = (values) => [...new Set(values)];
  const inOrder = (values) => (values.every((v) => typeof v === "number") ? [...values].sort((a, b) => a - b) : values);
  const short = (value) => String(typeof value === "number" ? Number(value.toPrecision(12)) : value);
  const words = (value, as = short(value)) => (value === null ? "as it is" : as);
  const title = (axis) => axis.replace(/^(set|price)\./, "");
  const place = (sweep, point) => sweep.axes.map((axis, k) => `${title(axis)} = ${words(point.at[k])}`).join(", ");

  const times = (x) => Number(x.toPrecision(4)).toString();

  // Texts of the page's cells by key.
  function texts(sweep, priced) {
    const found = {};
    priced.forEach(({ cycles, overhead, low, high }, at) => {
      found[`point/${at}/overhead`] = times(overhead);
      found[`point/${at}/bounds`] = limits(overhead, low, high);
      found[`point/${at}/cycles`] = count(Math.round(cycles));
    });
    const all = priced.map((_, at) => at);
    const monitors = all.filter((at) => sweep.points[at].run !== sweep.points[at].bare);
    const order = (monitors.length ? monitors : all).sort((a, b) => priced[a].overhead - priced[b].overhead);
    const [least, most] = [order[0], order[order.length - 1]];
    const where = (at) => `${times(priced[at].overhead)} times bare hardware's at ${place(sweep, sweep.points[at])}`;
    found["sweep/words"] = `Over ${count(priced.length)} points, time is between ${where(least)}, and ${where(most)}.`;
    return found;
  }

  // Which axes are shown, and what the others are at.
  function chosen(sweep) {
    const [along, each] = ["sweep-x", "sweep-series"].map((id) => document.getElementById(id));
    const x = sweep.axes.indexOf(along.value);
    if (each.value === along.value && sweep.axes.length > 1) each.value = sweep.axes.find((_, at) => at !== x);
    const series = sweep.axes.length > 1 ? sweep.axes.indexOf(each.value) : -1;
    const filters = [];
    for (const label of document.querySelectorAll("[data-filter]")) {
      const at = Number(label.dataset.filter);
      label.hidden = at === x;
      label.querySelector(".of").textContent = at === series ? "bars of " : "";
      if (!label.hidden) filters.push([at, distinct(sweep.points.map((p) => p.at[at]))[label.querySelector("select").value]]);
    }
    return { x, series, filters };
  }

  // Points that are as chosen, along the axis x; of the axis of curves those at one place alone if `one`.
  function along(sweep, { x, series, filters }, one) {
    const order = inOrder(distinct(sweep.points.map((p) => p.at[x])));
    return sweep.points
      .map((point, at) => ({ point, at }))
      .filter(({ point }) => filters.every(([axis, value]) => (axis === series && !one) || point.at[axis] === value))
      .sort((a, b) => order.indexOf(a.point.at[x]) - order.indexOf(b.point.at[x]));
  }

  function shown(sweep, priced, choice, bounded) {
    const { x, series } = choice;
    return along(sweep, choice, false).map(({ point, at }) => {
      const { overhead } = priced[at];
      const { low, high } = bounded ? priced[at] : { low: overhead, high: overhead };
      return {
        x: words(point.at[x], point.at[x]),
        series: series < 0 ? "" : words(point.at[series]),
        y: series < 0 ? "" : words(point.at[series]),
        overhead,
        low,
        high,
        point: place(sweep, point),
      };
    });
  }

  // Bars of one curve: each mechanism's part of bare hardware's time, and as idle what no price moves, if it waits.
  function stacks(sweep, priced, choice, palette, waits) {
    return along(sweep, choice, true).flatMap(({ point, at }) => {
      const { prices } = priced[at];
      const native = priced[at].native - (waits ? 0 : point.fixed[1]);
      const found = new Map(waits ? [["idle", point.fixed[0]]] : []);
      for (const [name, spent] of Object.entries(sweep.runs[point.run])) {
        const mechanism = palette.names.includes(name) ? name : "other mechanisms";
        found.set(mechanism, (found.get(mechanism) || 0) + sum(spent, prices));
      }
      return [...found].map(([mechanism, cycles]) => ({
        x: words(point.at[choice.x], point.at[choice.x]),
        mechanism,
        share: native ? cycles / native : 0,
        rank: palette.names.indexOf(mechanism),
        point: place(sweep, point),
      }));
    });
  }

  // Whether what stands along an axis needs more room than there is.
  const isWide = (rows) => distinct(rows.map((row) => row.x)).filter((x) => typeof x === "string").join(" ").length > MOST_LETTERS;

  const LABEL = "isNumber(datum.value) ? format(datum.value, '.12~r') : datum.value";

  // Titles of the axes of a chart and of its layers; long names stand aslant.
  function name(spec, titles, slanted) {
    for (const part of spec.layer || [spec]) {
      if (part.encoding.x) {
        const axis = { labelAngle: slanted ? -35 : 0, labelOverlap: !slanted, labelExpr: LABEL };
        Object.assign(part.encoding.x, { title: titles[0], axis });
      }
      if (titles[1]) part.encoding.y.title = titles[1];
    }
  }

  // The specification and the data of one of the charts, as the reader chose.
  function chart(kind, sweep, priced, specs, palette) {
    const choice = chosen(sweep);
    const [bounded, waits] = ["bounds", "waits"].map((what) => document.getElementById(`sweep-${what}`).checked);
    const rows = kind === "stack" ? stacks(sweep, priced, choice, palette, waits) : shown(sweep, priced, choice, bounded);
    const numbers = rows.every((row) => typeof row.x === "number");
    const many = numbers && distinct(rows.map((row) => row.x)).length > MOST_STEPS;
    const curves = numbers ? (many ? "curvesQ" : "curvesO") : "curvesN";
    const spec = structuredClone(specs[kind === "curves" ? curves : kind]);
    name(spec, [title(sweep.axes[choice.x]), kind === "heat" ? title(sweep.axes[choice.series]) : ""], isWide(rows));
    return [spec, { [kind]: rows, ...(kind === "stack" ? { one: [{ at: 1 }] } : {}) }];
  }

  // Bounds of few curves are shown, and bars of the dearest one, until the reader says otherwise.
  function open(sweep) {
    const { series } = chosen(sweep);
    const curves = series < 0 ? [""] : distinct(sweep.points.map((p) => p.at[series]));
    document.getElementById("sweep-bounds").checked = curves.length <= FEW_CURVES;
    if (series < 0) return;
    const dearest = sweep.points.reduce((a, b) => (b.bounds[1] > a.bounds[1] ? b : a));
    document.querySelector(`[data-filter="${series}"] select`).value = curves.indexOf(dearest.at[series]);
  }

  return { price, texts, chart, open };
})();
