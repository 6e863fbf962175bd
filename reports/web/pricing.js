"use strict";

// The engine's second half: counts @ prices, then idle time and bounds, as replay/price.py, idle.py and bounds.py do.
// Each function takes what the page was made with; nothing here knows of the page.
const Pricing = (() => {
  const KINDS = ["value", "low", "high"];
  const MOST_STEPS = 64;

  // Prices in cycles, by primitive, with those that the reader gave (in the stated unit) exact.
  function inCycles(records, given) {
    const found = {};
    for (const r of records) {
      const at = given[r.name];
      const price = at === undefined ? r : { value: at, low: at, high: at };
      found[r.name] = KINDS.map((kind) => price[kind] * r.cycles);
    }
    return found;
  }

  function costOf(terms, klass, prices) {
    const cost = [0, 0, 0];
    for (const [name, times] of terms) {
      const price = prices[name.replace(".@", `.${klass}`)];
      for (let k = 0; k < 3; k++) cost[k] += times * price[k];
    }
    return cost;
  }

  // Device-time units that a guest idles which is busy for busy[i] units before each moment.
  function wait(moments, busy) {
    const clock = new Array(16).fill(0);
    const made = new Map();
    const called = new Map();
    let idle = 0;
    for (let at = 0; at < moments.kind.length; at++) {
      const vcpu = moments.vcpu[at];
      const kind = moments.kind[at];
      clock[vcpu] += busy[at];
      let until = 0;
      if (kind === "REQUEST" && moments.completion[at] >= 0) {
        made.set(moments.completion[at], [clock[vcpu], moments.clock[at]]);
      } else if (kind === "IPI_SEND") {
        called.set(moments.completion[at], clock[vcpu]);
      } else if (kind === "COMPLETE" && made.has(at)) {
        until = made.get(at)[0] + moments.units[at];
        made.delete(at);
      } else if (called.has(at)) {
        until = called.get(at);
        called.delete(at);
      } else if (moments.timed[at] && made.size) {
        const [then, before] = made.values().next().value;
        until = then + moments.clock[at] - before;
      } else if (moments.timed[at]) {
        until = clock[vcpu] + moments.units[at];
      }
      idle += Math.max(0, until - clock[vcpu]);
      clock[vcpu] = Math.max(clock[vcpu], until);
    }
    return idle;
  }

  // Idle time of one side in device-time units: at the value, low and high of each price, and its extremes.
  // That of several virtual machines is each one's own, and null here.
  function idleOf(side, moments, prices, unit) {
    if (!moments || !side.idle) return side.idle;
    const busy = KINDS.map(() => new Float64Array(moments.kind.length));
    for (const [name, spent] of Object.entries(side.amounts)) {
      for (let k = 0; k < 3; k++) {
        const price = prices[name][k] / unit;
        for (let at = 0; at < busy[k].length; at++) busy[k][at] += spent[at] * price;
      }
    }
    const [value, low, high] = busy.map((passed) => Exact.round(wait(moments, passed)));
    const sum = (all) => all.reduce((a, b) => a + b, 0);
    const apart = new Set(moments.vcpu).size > 1 ? Math.ceil(sum(busy[2]) - sum(busy[1])) : 0;
    const all = [value, low, high];
    return { value, low, high, least: Math.max(0, Math.min(...all) - apart), most: Math.max(...all) + apart };
  }

  // The rows of one side in whole cycles, and what the bounds of a ratio need.
  function charge(side, moments, prices, unit, vcpus) {
    const idle = idleOf(side, moments, prices, unit);
    const rows = [];
    for (const row of side.rows) {
      const waits = row.counter === "idle";
      const cost = costOf(side.costs[row.counter], row.class, prices);
      const ticks = waits && idle ? [idle.value, idle.low, idle.high] : [row.count, row.count, row.count];
      if (!ticks.some((n) => n)) continue;
      const [cycles, low, high] = row.fixed || ticks.map((n, k) => Exact.product(n, cost[k]));
      rows.push({ ...row, count: ticks[0], price: cost[0], cycles, low, high });
    }
    settle(rows);
    const [all, busy] = [total(rows), total(rows.filter((row) => row.counter !== "idle"))];
    const waited = idle ? [idle.least * unit, idle.most * unit] : extremes(rows.filter((row) => row.fixed));
    return { rows, idle, spending: { amounts: side.amounts, waited, vcpus }, total: all, busy };
  }

  // The least and the most cycles of fixed rows: dear prices leave less idle time.
  function extremes(rows) {
    const { cycles, low, high } = total(rows);
    return [Math.min(cycles, low, high), Math.max(cycles, low, high)];
  }

  function total(rows) {
    const sum = { cycles: 0, low: 0, high: 0 };
    for (const row of rows) for (const field of Object.keys(sum)) sum[field] += row[field];
    return sum;
  }

  // A run that waits for a disk anyway takes as long at other prices: no rounding of rows turns their order.
  function settle(rows) {
    const { cycles, low, high } = total(rows);
    for (const row of rows) {
      if (row.counter !== "idle") continue;
      row.low -= Math.max(0, low - cycles);
      row.high += Math.max(0, cycles - high);
    }
  }

  // No choice of prices within their bounds takes the ratio of the totals beyond [low, high].
  function ratioBounds(ours, bare, prices, waits, stretched) {
    const sides = [ours, bare].map((side) => ({
      amounts: side.spending.amounts,
      waited: waits ? side.spending.waited : [0, 0],
      least: waits ? side.total.low : side.busy.low,
      clocks: side.spending.vcpus,
    }));
    const sums = asSums(sides[0], sides[1], prices);
    if (!stretched) return sums;
    const paths = asPaths(sides[0], sides[1], prices);
    return [Math.max(sums[0], paths[0]), Math.min(sums[1], paths[1])];
  }

  function asPaths(ours, bare, prices) {
    if (!bare.least) return [0, Infinity];
    let more = 0;
    let less = 0;
    for (const name of new Set([...Object.keys(ours.amounts), ...Object.keys(bare.amounts)])) {
      const [a, b] = [ours.amounts[name], bare.amounts[name]];
      for (let at = 0; at < (a || b).length; at++) {
        const beyond = (a ? a[at] : 0) - (b ? b[at] : 0);
        if (beyond > 0) more += beyond * prices[name][2];
        else less -= beyond * prices[name][2];
      }
    }
    return [1 - (ours.clocks * less) / bare.least, 1 + (ours.clocks * more) / bare.least];
  }

  // Idle time of a side is one thing bought once, whose price has the bounds of that time.
  function asSums(ours, bare, prices) {
    const ranges = { "": ours.waited, " ": bare.waited };
    const amounts = [ours, bare].map((side, which) => {
      const sum = { [" ".repeat(which)]: 1 };
      for (const [name, spent] of Object.entries(side.amounts)) {
        sum[name] = spent.reduce((a, b) => a + b, 0);
        ranges[name] = prices[name].slice(1);
      }
      return sum;
    });
    return [Math.min, Math.max].map((extreme) => ratioExtreme(amounts[0], amounts[1], ranges, extreme));
  }

  // Least or greatest ratio of two sums whose prices move together, by Dinkelbach's iteration.
  function ratioExtreme(ours, bare, ranges, extreme) {
    const names = [...new Set([...Object.keys(ours), ...Object.keys(bare)])].sort();
    let ratio = 1;
    for (let step = 0; step < MOST_STEPS; step++) {
      let above = 0;
      let below = 0;
      for (const name of names) {
        const slope = (ours[name] || 0) - ratio * (bare[name] || 0);
        const [low, high] = ranges[name];
        const chosen = extreme(slope * low, slope * high) === slope * low ? low : high;
        above += chosen * (ours[name] || 0);
        below += chosen * (bare[name] || 0);
      }
      const previous = ratio;
      ratio = below ? above / below : 1;
      if (Math.abs(ratio - previous) <= 1e-12 * previous) break;
    }
    return ratio;
  }

  // A run at the reader's prices: both sides, and their ratio with and without idle time.
  function price(run, moments, records, given) {
    const prices = inCycles(records, given);
    const unit = prices.device_unit[0];
    const [ours, bare] = [run.model, run.native].map((side) => charge(side, moments, prices, unit, run.vcpus));
    const ratio = (part, waits) => {
      const value = bare[part].cycles ? ours[part].cycles / bare[part].cycles : 1;
      const [low, high] = ratioBounds(ours, bare, prices, waits, run.stretched && ours.idle !== null);
      return { value, low, high };
    };
    return { ours, bare, prices, overhead: ratio("total", true), busy: ratio("busy", false) };
  }

  return { price, inCycles, costOf, ratioExtreme };
})();
