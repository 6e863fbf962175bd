"use strict";

// The page's charts: data for the specifications that came with it, and the views that show them.
const Charts = (() => {
  const LETTER = 7; // pixels, as SYMBOL and AXIS
  const SYMBOL = 30;
  const AXIS = 70;
  const BAR = 30;
  const LINE = 16;
  const NAMES = 0.3; // of a chart's width
  const LEAST_LETTERS = 14;

  // A bar of one run, or of its bare machine: cycles by mechanism over bare hardware's.
  function bar(name, side, native, palette, waits) {
    const found = new Map();
    for (const row of side.rows) {
      if (!waits && row.counter === "idle") continue;
      const mechanism = palette.names.includes(row.mechanism) ? row.mechanism : "other mechanisms";
      found.set(mechanism, (found.get(mechanism) || 0) + row.cycles);
    }
    return [...found].map(([mechanism, cycles]) => ({
      run: name, mechanism, cycles, share: native ? cycles / native : 0, rank: palette.names.indexOf(mechanism),
    }));
  }

  // A name in lines of so many letters, broken between words.
  function wrapped(name, letters) {
    const lines = [];
    for (const word of name.split(" ")) {
      const last = lines.length - 1;
      if (lines.length && `${lines[last]} ${word}`.length <= letters) lines[last] += ` ${word}`;
      else lines.push(word);
    }
    return lines;
  }

  // The chart of all runs in a place of this width, and its data.
  function bars(spec, runs, priced, palette, waits, width) {
    const part = waits ? "total" : "busy";
    const found = { bars: [], totals: [], one: [{ at: 1 }] };
    runs.forEach((run, at) => {
      const { ours, bare, overhead, busy } = priced[at];
      const native = bare[part].cycles;
      if (run.bare_bar) found.bars.push(...bar(run.bare_bar, bare, native, palette, waits));
      found.bars.push(...bar(run.name, ours, native, palette, waits));
      const { low, high } = waits ? overhead : busy;
      if (Number.isFinite(high)) found.totals.push({ run: run.name, low, high });
    });
    const named = structuredClone(spec);
    const { x, y } = named.layer[0].encoding;
    const labels = Object.fromEntries(y.sort.map((name) => [name, wrapped(name, Math.max(LEAST_LETTERS, (width * NAMES) / LETTER))]));
    const heights = Object.values(labels).map((lines) => lines.length);
    const most = Math.max(...heights);
    const labelOffset = (-(heights.reduce((a, b) => a + b, 0) / heights.length - 1) * LINE) / 2;
    x.title = `${waits ? "time" : "busy time"}, bare hardware's is 1`;
    for (const { encoding } of named.layer) {
      if (encoding.y) encoding.y.axis = { ...y.axis, labelExpr: `${JSON.stringify(labels)}[datum.value]`, labelLimit: 0, labelOffset };
    }
    named.height = y.sort.length * Math.max(BAR, most * LINE);
    return [named, found];
  }

  // Data of the timeline of one run: cycles by mechanism and interval.
  function timeline(run, prices, palette) {
    const { instructions, mechanisms } = run.timeline;
    const found = [];
    for (const [name, amounts] of Object.entries(mechanisms)) {
      const mechanism = palette.names.includes(name) ? name : "other mechanisms";
      const spent = Object.entries(amounts);
      for (let at = 0; at < (spent[0] || [0, []])[1].length; at++) {
        const cycles = spent.reduce((sum, [primitive, n]) => sum + n[at] * prices[primitive][0], 0);
        found.push({ mechanism, at: (at * instructions) / 1e6, cycles: cycles / 1e6, rank: palette.names.indexOf(mechanism) });
      }
    }
    return { timeline: found };
  }

  // Colours are the page's own, so that a chart follows the theme, and the printer, by itself.
  const [ink, faint] = ["var(--ink)", "var(--faint)"];
  const config = {
    background: null,
    font: "system-ui, sans-serif",
    axis: {
      labelColor: ink, titleColor: ink, gridColor: faint, domainColor: faint, tickColor: faint,
      labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal",
    },
    legend: { labelColor: ink, titleColor: ink, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" },
    rule: { color: ink },
    title: { color: ink },
    header: { labelColor: ink, titleColor: ink },
    view: { stroke: null },
  };

  // How many columns a legend may have in a place of this width.
  function columns(spec, data, width) {
    const { field, scale } = (spec.layer || [spec])[0].encoding.color || {};
    const beside = spec.height && spec.layer?.[0].encoding.y.sort ? Math.max(AXIS, width * NAMES + SYMBOL) : AXIS;
    const names = scale?.domain || Object.values(data).flatMap((rows) => rows.map((row) => row[field]));
    const longest = names.reduce((most, name) => Math.max(most, String(name ?? "").length), 1);
    return Math.max(1, Math.floor((width - beside) / (longest * LETTER + SYMBOL)));
  }

  // Shows a specification with its data in an element; the view, to be given new data.
  async function show(element, spec, data) {
    const legend = { ...config.legend, columns: columns(spec, data, element.clientWidth) };
    const options = { actions: false, renderer: "svg", config: { ...config, legend } };
    const whole = { ...spec, datasets: { ...spec.datasets, ...data } };
    return (await vegaEmbed(element, whole, options)).view;
  }

  function change(view, data) {
    for (const [name, rows] of Object.entries(data)) view.data(name, rows);
    return view.runAsync();
  }

  return { bars, timeline, show, change };
})();
