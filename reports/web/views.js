"use strict";

// Which first view says the most: along which axis of a sweep its points move, which curve does, and whether to count
// idle time.
const Views = (() => {
  const MOST_CURVES = 20;
  const MOST_GROUPS = 16;
  const NOTABLE = 0.1;
  const MOST_IDLE = 0.5;

  const spread = (values) => (values.length ? Math.max(...values) - Math.min(...values) : 0);
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

  function groups(points, key) {
    const found = new Map();
    for (const one of points) found.set(key(one), [...(found.get(key(one)) || []), one]);
    return [...found.values()];
  }

  const taking = (points, axis) => points.filter(({ point }) => point.at[axis] !== null);

  // By how much means of `ratio` differ along an axis, of points that it means something to; of many numbers, of halves.
  function movement(points, axis, ratio) {
    const values = taking(points, axis.at).map(({ point }) => point.at[axis.at]);
    const order = axis.values.filter((value) => values.includes(value));
    const middle = order[Math.floor(order.length / 2)];
    const many = axis.isNumbers && order.length > MOST_GROUPS;
    const key = ({ point }) => (many ? point.at[axis.at] < middle : point.at[axis.at]);
    return spread(groups(taking(points, axis.at), key).map((group) => mean(group.map(({ at }) => ratio(at)))));
  }

  // The axis to look along, numbers first if they move something; the axis of curves, or null; and where the curve is
  // that moves most, or null where no two points differ in one axis alone.
  function first(points, axes, ratio) {
    const moved = new Map(axes.map((axis) => [axis, movement(points, axis, ratio)]));
    const order = [...axes].sort((a, b) => moved.get(b) - moved.get(a));
    const most = moved.get(order[0]);
    const x = order.find((axis) => axis.isNumbers && moved.get(axis) >= NOTABLE * most) || order[0];
    const number = (axis) => axis.values.length;
    const series = order.find((axis) => axis !== x && number(axis) > 1 && number(axis) <= MOST_CURVES) || null;
    const rest = ({ point }) => JSON.stringify(point.at.filter((_, at) => at !== x.at));
    const curves = groups(taking(points, x.at), rest).filter((curve) => curve.length > 1);
    const range = (curve) => spread(curve.map(({ at }) => ratio(at)));
    const best = curves.reduce((a, b) => (a && range(a) >= range(b) ? a : b), null);
    return { x, series, curve: best && best[0].point };
  }

  // What an axis is at, as the number of a value, so that `curve` is seen: any of them where it means nothing to that
  // one, the first unless most points have a value of their own.
  function filter(points, axis, curve, isSeries) {
    if (curve.at[axis.at] !== null) return axis.values.indexOf(curve.at[axis.at]);
    return isSeries || 2 * axis.values.length <= taking(points, axis.at).length ? 0 : "";
  }

  // Whether a first view counts idle time: not where bare hardware does little else, given its parts of the time.
  const countsIdle = (parts) => [...parts].sort((a, b) => a - b)[Math.floor(parts.length / 2)] <= MOST_IDLE;

  return { movement, first, filter, countsIdle };
})();
