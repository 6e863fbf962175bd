"use strict";

// Integers from products of a count and a price, rounded as Python rounds fractions: exactly, halves to even.
const Exact = (() => {
  const bits = new DataView(new ArrayBuffer(8));

  // The double x >= 0 as mantissa * 2 ** exponent, both integers.
  function parts(x) {
    bits.setFloat64(0, x);
    const word = bits.getBigUint64(0);
    const exponent = Number((word >> 52n) & 0x7ffn);
    const fraction = word & ((1n << 52n) - 1n);
    return exponent ? [fraction | (1n << 52n), exponent - 1075] : [fraction, -1074];
  }

  // round(n * x) for an integer n and a double x >= 0.
  function product(n, x) {
    const [mantissa, exponent] = parts(x);
    const whole = BigInt(n) * mantissa;
    if (exponent >= 0) return Number(whole << BigInt(exponent));
    const shift = BigInt(-exponent);
    const floor = whole >> shift;
    const rest = whole - (floor << shift);
    const half = 1n << (shift - 1n);
    return Number(floor + (rest > half || (rest === half && floor & 1n) ? 1n : 0n));
  }

  // round(x) for a double: halves to even.
  function round(x) {
    const floor = Math.floor(x);
    const rest = x - floor;
    return rest > 0.5 || (rest === 0.5 && floor % 2) ? floor + 1 : floor;
  }

  return { product, round };
})();
