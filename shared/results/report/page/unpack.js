const drawn = JSON.parse(document.getElementById("drawn").textContent);

// A sentence of the catalogue by its name in the chapter of charts, with its fields filled.
const tell = (name, values = {}) =>
  drawn.sentences[`charts.${name}`].replace(/\{(\w+)\}/g, (_, field) => values[field]);

// The data of the page: columns of whole numbers, packed by shared/report/packing.py.
const unpack = (text, order) => {
  const bytes = atob(text);
  const values = [];
  let at = 0;
  const next = () => {
    let value = 0,
      place = 1,
      byte;
    do {
      byte = bytes.charCodeAt(at++);
      value += (byte & 0x7f) * place;
      place *= 128;
    } while (byte & 0x80);
    return value;
  };
  while (at < bytes.length) {
    const folded = next();
    if (folded === 0) for (let left = next(); left > 0; left--) values.push(0);
    else values.push(folded % 2 ? -(folded + 1) / 2 : folded / 2);
  }
  for (let pass = 0; pass < order; pass++)
    for (let i = 1; i < values.length; i++) values[i] += values[i - 1];
  return values;
};

const unpackCandles = (packed) => {
  const at = unpack(packed.at, 2),
    gap = unpack(packed.gap, 0),
    body = unpack(packed.body, 0);
  const up = unpack(packed.up, 0),
    down = unpack(packed.down, 0);
  const open = [],
    high = [],
    low = [],
    close = [];
  let before = 0;
  for (let i = 0; i < at.length; i++) {
    open.push(before + gap[i]);
    before = open[i] + body[i];
    close.push(before);
    high.push(Math.max(open[i], before) + up[i]);
    low.push(Math.min(open[i], before) - down[i]);
  }
  return { ms: packed.ms, at, open, high, low, close };
};

// Equity with its drawdown and, beside it, the same capital kept in bitcoin from the first close
// on.
const unpackCurve = (packed, candles, kept) => {
  const at = unpack(packed.at, 2),
    equity = unpack(packed.equity, 1),
    off = unpack(packed.off, 0),
    lots = unpack(packed.lots, 1);
  const drawdown = [],
    hold = [];
  let peak = -Infinity,
    row = -1;
  for (let i = 0; i < at.length; i++) {
    while (row + 1 < candles.at.length && candles.at[row + 1] + candles.ms <= at[i]) row++;
    const price = (row < 0 ? 0 : candles.close[row]) + off[i];
    peak = Math.max(peak, equity[i]);
    drawdown.push(peak > 0 ? 1 - equity[i] / peak : 0);
    hold.push(
      equity[0] + (i && kept.price ? (kept.lots * (price - kept.price)) / 1e4 - kept.fee : 0),
    );
  }
  return { at, equity, drawdown, hold, lots };
};

const unpackPositions = (packed) => {
  const columns = {};
  for (const [name, text] of Object.entries(packed))
    if (typeof text === "string") columns[name] = unpack(text, 1);
  const rows = [];
  for (let i = 0; i < packed.count; i++) {
    const row = { number: i + 1 };
    for (const name in columns) row[name] = columns[name][i];
    row.open = row.out_at === 0;
    row.reason = packed.reasons[row.why];
    row.voted = packed.names.filter((_, bit) => Math.floor(row.agreeing / 2 ** bit) % 2);
    rows.push(row);
  }
  return rows;
};
