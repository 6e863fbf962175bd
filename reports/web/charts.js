"use strict";

// The page's charts: data for the specifications that came with it, and the views that show them.
const Charts = (() => {
  const LEGEND_WIDTH = 200;

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

  // Data of the chart of all runs.
  function bars(runs, priced, palette, waits) {
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
    return found;
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
    legend: { labelColor: ink, titleColor: ink, labelFontSize: 12, titleFontWeight: "normal", symbolType: "square" },
    rule: { color: ink },
    title: { color: ink },
    header: { labelColor: ink, titleColor: ink },
    view: { stroke: null },
  };

  // Shows a specification with its data in an element; the view, to be given new data.
  async function show(element, spec, data) {
    const columns = Math.max(1, Math.floor(element.clientWidth / LEGEND_WIDTH));
    const options = { actions: false, renderer: "svg", config: { ...config, legend: { ...config.legend, columns } } };
    const whole = { ...spec, datasets: { ...spec.datasets, ...data } };
    return (await vegaEmbed(element, whole, options)).view;
  }

  function change(view, data) {
    for (const [name, rows] of Object.entries(data)) view.data(name, rows);
    return view.runAsync();
  }

  return { bars, timeline, show, change };
})();
