// Levels of detail: as much as the pixels can show, with every extreme kept.

// A line over the visible rows: where several fall on one pixel, its first, lowest, highest and
// last.
const outline = (at, values, chart, y) => {
  const first = Math.max(0, rowAt(at, chart.from) - 1),
    last = Math.min(at.length - 1, rowAt(at, chart.to));
  const points = [];
  let row = first;
  while (row <= last) {
    const pixel = Math.round(chart.x(at[row]));
    let lowest = row,
      highest = row,
      end = row;
    while (end + 1 <= last && Math.round(chart.x(at[end + 1])) === pixel) {
      end++;
      if (values[end] < values[lowest]) lowest = end;
      if (values[end] > values[highest]) highest = end;
    }
    for (const one of [...new Set([row, lowest, highest, end])].sort((a, b) => a - b))
      points.push(`${fixed(chart.x(at[one]))},${fixed(y(values[one]))}`);
    row = end + 1;
  }
  return points;
};

const extremes = (at, lists, from, to) => {
  const first = Math.max(0, rowAt(at, from) - 1),
    last = Math.min(at.length - 1, rowAt(at, to));
  let low = Infinity,
    high = -Infinity;
  for (const values of lists) {
    for (let row = first; row <= last; row++) {
      if (values[row] < low) low = values[row];
      if (values[row] > high) high = values[row];
    }
  }
  return low > high ? [0, 1] : [low, high];
};

// Candles joined to ones that are at least four pixels wide, at round times of JST; kept, as
// panning asks again and again.
const joined = new Map();
const LENGTHS = [1, 2, 4, 8, 16, 24, 32, 48, 96, 192, 288, 672, 1344, 2880, 8640];
const candlesFor = (candles, span, room) => {
  const times =
    LENGTHS.find((n) => span / (candles.ms * n) <= room / 4) || LENGTHS[LENGTHS.length - 1];
  if (times === 1) return candles;
  if (!joined.has(times)) joined.set(times, join(candles, candles.ms * times));
  return joined.get(times);
};
const join = (candles, ms) => {
  const found = { ms, at: [], open: [], high: [], low: [], close: [] };
  let last = NaN,
    end = -1;
  for (let i = 0; i < candles.at.length; i++) {
    const at = Math.floor((candles.at[i] + JST) / ms) * ms - JST;
    if (at !== last) {
      last = at;
      end++;
      found.at.push(at);
      found.open.push(candles.open[i]);
      found.high.push(candles.high[i]);
      found.low.push(candles.low[i]);
      found.close.push(candles.close[i]);
      continue;
    }
    found.high[end] = Math.max(found.high[end], candles.high[i]);
    found.low[end] = Math.min(found.low[end], candles.low[i]);
    found.close[end] = candles.close[i];
  }
  return found;
};
