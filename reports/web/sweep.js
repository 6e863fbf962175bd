"use strict";

// Points of a sweep at the reader's prices, and the data of its charts.
const Sweep = (() => {
  const MOST_STEPS = 40;
  const FEW_CURVES = 4;
  const LETTER = 8; // pixels
  const MOST_TICKS = 8;
  const LEAST_PART = 0.001;
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

  // Cycles and ratio of each point, and its ratio without idle time; what no price moves is the point's own, and so
  // are bounds until one is moved.
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
      const ratio = (fixed, known) => {
        const [ours, bare] = fixed.map((own, side) => [cycles, native][side] - point.fixed[side] + own);
        const [low, high] = known || bounds(runs, fixed, prices);
        return { overhead: bare ? ours / bare : 1, low, high };
      };
      const busy = point.fixed.map((own, side) => own - point.idle[side]);
      const all = ratio(point.fixed, Object.keys(moved).length ? null : point.bounds);
      return { cycles, native, prices, all, busy: sweep.waits ? ratio(busy, null) : all };
    });
  }

  const distinct = (values) => [...new Set(values)];
  const short = (value) => String(typeof value === "number" ? Number(value.toPrecision(12)) : value);
  const words = (value, as = short(value)) => (value === null ? "as it is" : as);

  // What distinguishes a point, without what means nothing to it.
  const place = (sweep, point) =>
    sweep.axes.flatMap((axis, k) => (point.at[k] === null ? [] : [`${axis.name} = ${words(point.at[k])}`])).join(", ");

  const times = (x) => (x === 1 ? "1" : x.toPrecision(Math.max(4, Math.ceil(Math.log10(x)))));

  // Points that say something: monitors, or where there are none, all.
  function telling(sweep) {
    const all = sweep.points.map((point, at) => ({ point, at }));
    const monitors = all.filter(({ point }) => !point.isBare);
    return monitors.length ? monitors : all;
  }

  // Texts of the page's cells by key.
  function texts(sweep, priced) {
    const found = {};
    priced.forEach(({ cycles, all, busy }, at) => {
      found[`point/${at}/overhead`] = times(all.overhead);
      found[`point/${at}/bounds`] = limits(all.overhead, all.low, all.high);
      found[`point/${at}/busy`] = times(busy.overhead);
      found[`point/${at}/cycles`] = count(Math.round(cycles));
    });
    const range = (part, what) => {
      const order = telling(sweep).sort((a, b) => priced[a.at][part].overhead - priced[b.at][part].overhead);
      const [least, most] = [order[0], order[order.length - 1]];
      const [low, high] = [least, most].map(({ at }) => times(priced[at][part].overhead));
      return `${low} to ${high} times ${what}: least at ${place(sweep, least.point)}, most at ${place(sweep, most.point)}.`;
    };
    const told = [`Over ${count(priced.length)} points, time is ${range("all", "bare hardware's")}`];
    if (sweep.waits) told.push(`Without idle time it is ${range("busy", "that")}`);
    found["sweep/words"] = told.join(" ");
    found["sweep/moves"] = moves(sweep, priced);
    return found;
  }

  // Along which axes the ratio moves, most first.
  function moves(sweep, priced) {
    const part = counted(sweep);
    const by = (axis) => Views.movement(telling(sweep), axis, (at) => priced[at][part].overhead);
    const found = sweep.axes.map((axis) => [axis.name, by(axis)]);
    const digits = (x) => Number(x.toPrecision(2)).toString();
    const each = found.sort((a, b) => b[1] - a[1]).map(([name, far]) => `${digits(far)} along ${name}`);
    return `Means${part === "busy" ? " without idle time" : ""} differ by ${each.join(", ")}.`;
  }

  const control = (name) => document.getElementById(`sweep-${name}`);

  // Which ratio is shown: of all time, or without idle time.
  const counted = (sweep) => (sweep.waits && !control("waits").checked ? "busy" : "all");

  // Which axes are shown, and what the others are at: filters are an axis, and a value or undefined for any.
  function chosen(sweep) {
    const names = sweep.axes.map((axis) => axis.axis);
    const x = names.indexOf(control("x").value);
    const each = control("series");
    if (each && each.value === names[x]) each.value = "";
    const series = each ? names.indexOf(each.value) : -1;
    const filters = [];
    for (const label of document.querySelectorAll("[data-filter]")) {
      const at = Number(label.dataset.filter);
      label.hidden = at === x;
      label.querySelector(".of").textContent = at === series ? "bars of " : "";
      if (!label.hidden) filters.push([at, sweep.axes[at].values[label.querySelector("select").value]]);
    }
    return { x, series, filters };
  }

  // Points that are as chosen, along the axis x; of the axis of curves those at one place alone if `one`.
  // What an axis means nothing to is at each of its places, but has none along it.
  function along(sweep, { x, series, filters }, one) {
    const order = sweep.axes[x].values;
    const fits = (at, value) => value === undefined || at === null || at === value;
    return telling(sweep)
      .filter(({ point }) => point.at[x] !== null || order.length === 1)
      .filter(({ point }) => filters.every(([axis, value]) => (axis === series && !one) || fits(point.at[axis], value)))
      .sort((a, b) => order.indexOf(a.point.at[x]) - order.indexOf(b.point.at[x]));
  }

  // Whether more than one point is at a place of a chart.
  function isCrowded(sweep, choice, one) {
    const key = ({ point }) => JSON.stringify([point.at[choice.x], one || choice.series < 0 ? null : point.at[choice.series]]);
    const keys = along(sweep, choice, one).map(key);
    return distinct(keys).length < keys.length;
  }

  function shown(sweep, priced, choice, bounded) {
    const { x, series } = choice;
    return along(sweep, choice, false).map(({ point, at }) => {
      const { overhead, low, high } = priced[at][counted(sweep)];
      return {
        x: words(point.at[x], point.at[x]),
        series: series < 0 ? "" : words(point.at[series]),
        y: series < 0 ? "" : words(point.at[series]),
        overhead,
        low: bounded ? low : overhead,
        high: bounded ? high : overhead,
        point: place(sweep, point),
      };
    });
  }

  // Bars of one curve: each mechanism's part of bare hardware's time, and as idle what no price moves.
  function stacks(sweep, priced, choice, palette) {
    return along(sweep, choice, true).flatMap(({ point, at }) => {
      const { prices } = priced[at];
      const out = counted(sweep) === "all" ? [0, 0] : point.idle;
      const native = priced[at].native - out[1];
      const rest = point.fixed[0] - out[0];
      const found = new Map(rest > LEAST_PART * priced[at].cycles ? [["idle", rest]] : []);
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

  // Whether names along an axis need more room than there is.
  const isWide = (rows, width) =>
    distinct(rows.map((row) => row.x)).filter((x) => typeof x === "string").join("  ").length * LETTER > width;

  const LABEL = "isNumber(datum.value) ? format(datum.value, '.12~r') : datum.value";

  // Titles of the axes of a chart and of its layers; long names stand upright.
  function name(spec, titles, upright) {
    for (const part of spec.layer || [spec]) {
      if (titles[1] && part.encoding.y) part.encoding.y.title = titles[1];
      if (part.encoding.x) {
        const axis = { labelAngle: upright ? -90 : 0, labelOverlap: !upright, labelExpr: LABEL, tickCount: MOST_TICKS };
        Object.assign(part.encoding.x, { title: titles[0], axis });
      }
    }
  }

  const TIME = { all: "time", busy: "busy time" };

  // A legend of what is there: of mechanisms only those in `rows`, of one curve none.
  // Colour and shape have one legend if both state the same domain.
  function explain(spec, kind, rows, series) {
    const drawn = (name) => rows.some((row) => row.series === name);
    for (const { encoding } of spec.layer || [spec]) {
      for (const one of kind === "curves" ? [encoding.color, encoding.shape || {}] : []) {
        one.scale = { ...one.scale, domain: series ? series.values.map((value) => words(value)).filter(drawn) : [""] };
        Object.assign(one, series ? { title: series.title } : { legend: null });
      }
      if (kind !== "stack" || !encoding.color) continue;
      const { domain, range } = encoding.color.scale;
      const there = new Set(rows.map((row) => row.mechanism));
      const kept = (_, at) => there.has(domain[at]);
      encoding.color.scale = { domain: domain.filter(kept), range: range.filter(kept) };
    }
  }

  // The specification and the data of one of the charts, as the reader chose, for a place of this width.
  function chart(kind, sweep, priced, specs, palette, width) {
    const choice = chosen(sweep);
    const rows =
      kind === "stack" ? stacks(sweep, priced, choice, palette) : shown(sweep, priced, choice, control("bounds").checked);
    const numbers = rows.every((row) => typeof row.x === "number");
    const many = numbers && distinct(rows.map((row) => row.x)).length > MOST_STEPS;
    const curves = numbers ? (many || isCrowded(sweep, choice, false) ? "curvesQ" : "curvesO") : "curvesN";
    const spec = structuredClone(specs[kind === "curves" ? curves : kind]);
    const [x, y] = [choice.x, choice.series].map((at) => (at < 0 ? "" : sweep.axes[at].title));
    const time = TIME[counted(sweep)];
    const along = { heat: y, curves: `${time} over bare hardware's`, stack: `${time}, bare hardware's is 1` };
    name(spec, [x, along[kind]], isWide(rows, width));
    if (kind === "heat") spec.encoding.color.title = along.curves;
    explain(spec, kind, rows, sweep.axes[choice.series]);
    return [spec, { [kind]: rows, ...(kind === "stack" ? { one: [{ at: 1 }] } : {}) }];
  }

  // Shows the charts that can be drawn of what the reader chose, and says what they leave out.
  function arrange(sweep) {
    const choice = chosen(sweep);
    const figure = (kind) => document.querySelector(`[data-chart="${kind}"]`).closest("figure");
    figure("stack").hidden = isCrowded(sweep, choice, true);
    if (sweep.axes.length > 1) figure("heat").hidden = choice.series < 0 || isCrowded(sweep, choice, false);
    const left = telling(sweep).filter(({ point }) => point.at[choice.x] === null).length;
    const bare = sweep.points.filter((point) => point.isBare).length;
    const told = [
      left ? `${count(left)} points have no place along ${sweep.axes[choice.x].name}: it means nothing to them.` : "",
      bare && bare < sweep.points.length ? "Bare hardware, which is 1 everywhere, is left out." : "",
      figure("stack").hidden ? "Bars by mechanism need one point at each place: choose a value of each other axis." : "",
    ];
    document.getElementById("sweep-left-out").textContent = told.filter((line) => line).join(" ");
  }

  // The first view is the one that moves most; idle time is left out of it where bare hardware does little else.
  function open(sweep, priced) {
    const points = telling(sweep);
    const waits = Views.countsIdle(points.map(({ point, at }) => point.idle[1] / (priced[at].native || 1)));
    if (sweep.waits) control("waits").checked = waits;
    const part = counted(sweep);
    const { x, series, curve } = Views.first(points, sweep.axes, (at) => priced[at][part].overhead);
    control("x").value = x.axis;
    if (control("series")) control("series").value = series ? series.axis : "";
    for (const label of document.querySelectorAll("[data-filter]")) {
      const axis = sweep.axes[label.dataset.filter];
      label.querySelector("select").value = curve ? Views.filter(points, axis, curve, axis === series) : "";
    }
    control("bounds").checked = !series || series.values.length <= FEW_CURVES;
  }

  return { price, texts, chart, arrange, open };
})();
