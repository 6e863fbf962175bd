"use strict";

// What the page's cells say: texts by key, from runs as Pricing gives them.
const Cells = (() => {
  const { about, figure, bounds, share, count, short } = Numbers;
  const TOP = 3;
  const MICRO = 1e6;

  const sumBy = (rows, key) => {
    const found = new Map();
    for (const row of rows) {
      const sum = found.get(key(row)) || { cycles: 0, low: 0, high: 0, count: 0 };
      for (const field of Object.keys(sum)) sum[field] += row[field];
      found.set(key(row), sum);
    }
    return found;
  };

  const amount = (part, whole) => ({
    cycles: figure(part.cycles, part.low, part.high),
    share: share(part.cycles, whole),
    bounds: bounds(part.cycles, part.low, part.high),
  });

  // Texts of one run by key, without the run's number.
  function ofRun(run, priced) {
    const { ours, bare, overhead, busy } = priced;
    const whole = ours.total.cycles;
    const seconds = (total) => figure(...["cycles", "low", "high"].map((field) => total[field] / run.clock)) + " s";
    const texts = {
      overhead: figure(overhead.value, overhead.low, overhead.high),
      bounds: bounds(overhead.value, overhead.low, overhead.high),
      busy: figure(busy.value, busy.low, busy.high),
      seconds: seconds(ours.total),
      native: seconds(bare.total),
      words: words(run, priced),
    };
    const put = (place, fields) => {
      for (const [field, text] of Object.entries(fields)) texts[`${place}/${field}`] = text;
    };
    put("total", amount(ours.total, whole));
    for (const [line, sum] of sumBy(ours.rows, (row) => row.line)) {
      const row = ours.rows.find((one) => one.line === line);
      put(`line/${line}`, { ...amount(sum, whole), count: count(sum.count), price: short(row.price) });
    }
    for (const [name, fields] of services(run, ours, bare)) put(`service/${name}`, fields);
    return texts;
  }

  function services(run, ours, bare) {
    const awake = (rows) => sumBy(rows.filter((row) => row.counter !== "idle"), (row) => row.service);
    const [here, there] = [awake(ours.rows), awake(bare.rows)];
    const none = { cycles: 0, low: 0, high: 0 };
    return run.services.map((service) => {
      const [a, b] = [here.get(service.service) || none, there.get(service.service) || none];
      const each = (part, times) =>
        times ? figure(...["cycles", "low", "high"].map((f) => (part[f] / times / run.clock) * MICRO)) : "";
      const slowdown = b.cycles ? a.cycles / (service.invocations || 1) / (b.cycles / (service.native_invocations || 1)) : 0;
      return [
        service.service,
        {
          us: each(a, service.invocations),
          native: each(b, service.native_invocations),
          slowdown: slowdown ? short(slowdown) : "",
          cycles: figure(a.cycles, a.low, a.high),
          share: share(a.cycles, ours.busy.cycles),
        },
      ];
    });
  }

  // The run in a sentence.
  function words(run, { ours, bare, overhead }) {
    const times = figure(overhead.value, overhead.low, overhead.high);
    const limits = bounds(overhead.value, overhead.low, overhead.high);
    const added = adds(ours, bare).slice(0, TOP).filter(([, cycles]) => cycles > 0);
    const more = added.reduce((sum, [, cycles]) => sum + cycles, 0);
    const most = added.map(([name, cycles]) => `${name} (${about(cycles)} cycles)`).join(", ");
    return (
      `${run.name} takes ${times} times as long as bare hardware (${run.baseline})` +
      (limits ? `, ${limits} within the bounds of all prices.` : ".") +
      (more ? ` Most is added by ${most}.` : "")
    );
  }

  // Mechanisms with the cycles that they take beyond bare hardware, most first.
  function adds(ours, bare) {
    const found = new Map();
    for (const [side, sign] of [[ours, 1], [bare, -1]]) {
      for (const row of side.rows) found.set(row.mechanism, (found.get(row.mechanism) || 0) + sign * row.cycles);
    }
    return [...found].sort((a, b) => b[1] - a[1]);
  }

  // Writes texts into the elements that ask for them.
  function fill(root, texts) {
    for (const cell of root.querySelectorAll("[data-cell]")) {
      const text = texts[cell.dataset.cell] ?? "0";
      if (cell.textContent !== text) cell.textContent = text;
    }
  }

  return { ofRun, fill };
})();
