"use strict";

// Numbers as text with no more digits than their bounds justify, as reports/numbers.py writes them.
const Numbers = (() => {
  const MOST_DIGITS = 4;
  const TWO_DIGITS_BELOW = 3.55;
  const SCALES = [[1e12, " T"], [1e9, " G"], [1e6, " M"], [1e3, " k"]];
  const SCALED_FROM = 1e5;

  const exponent = (x) => Math.floor(Math.log10(x));

  function decimals(value, low, high) {
    if (!(value > 0)) return 0;
    const most = MOST_DIGITS - 1 - exponent(value);
    const spread = Math.abs(high - low) / 2;
    if (!spread || !Number.isFinite(spread)) return most;
    const place = -exponent(spread) + (spread / 10 ** exponent(spread) < TWO_DIGITS_BELOW ? 1 : 0);
    return Math.max(-exponent(value), Math.min(most, place));
  }

  const grouped = (x, places) =>
    x.toLocaleString("en", { minimumFractionDigits: Math.max(0, places), maximumFractionDigits: Math.max(0, places) });

  const rounded = (x, places) => (places >= 0 ? Number(x.toFixed(Math.min(places, 100))) : Exact.round(x / 10 ** -places) * 10 ** -places);

  function scaled(x, kept, size) {
    const [scale, suffix] = size < SCALED_FROM ? [1, ""] : SCALES.find(([s]) => size >= s);
    return grouped(rounded(x, kept) / scale, kept + Math.round(Math.log10(scale))) + suffix;
  }

  // value with as many digits as its bounds justify, with a suffix from 100,000 on.
  function figure(value, low, high) {
    const kept = decimals(Math.abs(value), low, high);
    const text = scaled(value, kept, rounded(Math.abs(value), kept));
    return low === high && text.includes(".") && Math.abs(value) < SCALED_FROM ? text.replace(/\.?0+$/, "") : text;
  }

  // The bounds of value at as many decimals as it has; nothing where they are equal.
  function bounds(value, low, high) {
    if (low === high) return "";
    const kept = decimals(value, low, high);
    const like = (x) => (Number.isFinite(x) ? scaled(x, kept, rounded(value, kept)) : "any");
    return `${like(Math.min(low, high))} to ${like(Math.max(low, high))}`;
  }

  // What is there but rounds to nothing is "<1%".
  function share(part, whole) {
    const perCent = whole ? (100 * part) / whole : 0;
    return perCent > 0 && perCent < 0.5 ? "<1%" : `${perCent.toFixed(0)}%`;
  }

  const count = (n) => n.toLocaleString("en");

  // A number of up to four digits, as prices are written.
  const short = (x) => Number(x.toPrecision(4)).toLocaleString("en", { maximumSignificantDigits: 4 });

  // A number of two digits, with a suffix.
  function about(x) {
    const [scale, suffix] = SCALES.find(([s]) => x >= s) || [1, ""];
    return Number((x / scale).toPrecision(2)) + suffix;
  }

  return { about, figure, bounds, share, count, short };
})();
