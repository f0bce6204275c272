// Words, scales and axes that all charts share. Instants are ms UTC; what people read is JST.
const HOUR = 3600e3,
  DAY = 24 * HOUR,
  JST = 9 * HOUR;
const LAST_INSTANT = 8.64e15 - JST;
const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const yen = (value) => whole.format(value).replace("-", "\u2212");
const signed = (value) => (value > 0 ? "+" : "") + yen(value);
const percent = (share, places = 2) => `${(share * 100).toFixed(places).replace("-", "\u2212")} %`;
const local = (at) =>
  new Date(Math.max(-LAST_INSTANT, Math.min(LAST_INSTANT, at)) + JST).toISOString();
const jst = (at) => local(at).slice(0, 16).replace("T", " ");
const short = (value) => {
  const size = Math.abs(value);
  const [by, unit] = size >= 1e6 ? [1e6, "M"] : size >= 1e4 ? [1e3, "k"] : [1, ""];
  const digits = { maximumFractionDigits: by === 1e6 ? 3 : 1 };
  return `${(value / by).toLocaleString("en-US", digits)}${unit}`.replace("-", "\u2212");
};
const lasting = (ms) =>
  ms < HOUR
    ? tell("minutes", { minutes: Math.round(ms / 60e3) })
    : ms < 2 * DAY
      ? tell("hours", { hours: (ms / HOUR).toFixed(1) })
      : tell("days", { days: Math.round(ms / DAY) });
const sideOf = (sign) => (sign > 0 ? tell("long") : tell("short"));

const make = (parent, name, attributes = {}, text) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  parent.appendChild(element);
  return element;
};
const scale = (from, to, low, high) => (value) =>
  low + ((value - from) / (to - from || 1)) * (high - low);
const fixed = (value) => value.toFixed(1);

// The first row at or after an instant, and the one nearest to it.
const rowAt = (sorted, value) => {
  let low = 0,
    high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
};
const nearest = (sorted, value) => {
  const row = Math.min(rowAt(sorted, value), sorted.length - 1);
  return row > 0 && value - sorted[row - 1] < sorted[row] - value ? row - 1 : row;
};

const steps = (low, high, wanted) => {
  const rough = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const marks = [];
  for (let n = Math.ceil(low / step); n * step <= high; n++) marks.push(n * step);
  return marks;
};

// Marks of the time axis at round hours, days, months or years of JST, with their labels.
const timeMarks = (from, to, room) => {
  const most = Math.max(2, Math.floor(room / 62));
  const fixedStep = [0.25, 0.5, 1, 2, 3, 6, 12, 24, 48, 96, 168]
    .map((n) => n * HOUR)
    .find((n) => (to - from) / n <= most);
  const marks = [];
  if (fixedStep) {
    for (
      let at = Math.ceil((from + JST) / fixedStep) * fixedStep - JST;
      at <= to;
      at += fixedStep
    ) {
      const text = local(at);
      marks.push([
        at,
        text.slice(11, 16) === "00:00" || fixedStep >= DAY ? text.slice(5, 10) : text.slice(11, 16),
      ]);
    }
    return marks;
  }
  const months =
    [1, 2, 3, 6, 12, 24, 60, 120].find((n) => (to - from) / (n * 30.4 * DAY) <= most) || 240;
  const first = new Date(from + JST);
  let month = Math.floor((first.getUTCFullYear() * 12 + first.getUTCMonth()) / months) * months;
  for (; ; month += months) {
    const at = Date.UTC(Math.floor(month / 12), month % 12, 1) - JST;
    if (at > to) return marks;
    if (at >= from)
      marks.push([
        at,
        months >= 12 || month % 12 === 0 ? local(at).slice(0, 4) : local(at).slice(0, 7),
      ]);
  }
};

// An empty chart with its axes: the plot's place, the scales, and the element to draw into.
const frame = (holder, { height, low, high, label, below = 0 }) => {
  const width = Math.max(280, holder.clientWidth),
    narrow = width < 560;
  const pad = { left: narrow ? 58 : 82, right: 12, top: 10, bottom: 22 };
  const floor = height - pad.bottom - below;
  const [from, to] = view.span;
  holder.replaceChildren();
  const svg = make(holder, "svg", {
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: "img",
    "aria-label": label,
  });
  const clip = make(make(svg, "clipPath", { id: `${holder.id}-clip` }), "rect", {
    x: pad.left,
    y: 0,
    width: width - pad.left - pad.right,
    height: height - pad.bottom + 1,
  });
  const x = scale(from, to, pad.left, width - pad.right),
    y = scale(low, high, floor, pad.top);
  for (const value of steps(low, high, height / 70)) {
    make(svg, "line", {
      class: "grid",
      x1: pad.left,
      x2: width - pad.right,
      y1: fixed(y(value)),
      y2: fixed(y(value)),
    });
    make(
      svg,
      "text",
      { x: pad.left - 8, y: fixed(y(value) + 4), "text-anchor": "end" },
      narrow ? short(value) : yen(value),
    );
  }
  for (const [at, text] of timeMarks(from, to, width - pad.left - pad.right)) {
    make(svg, "line", {
      class: "grid",
      x1: fixed(x(at)),
      x2: fixed(x(at)),
      y1: pad.top,
      y2: height - pad.bottom,
    });
    const place = Math.min(width - pad.right - 14, Math.max(pad.left + 14, x(at)));
    make(svg, "text", { x: fixed(place), y: height - 6, "text-anchor": "middle" }, text);
  }
  const plot = make(svg, "g", { "clip-path": `url(#${clip.parentNode.id})` });
  const over = make(svg, "g", { "clip-path": `url(#${clip.parentNode.id})`, class: "over" });
  return {
    svg,
    plot,
    over,
    x,
    y,
    width,
    height,
    floor,
    pad,
    from,
    to,
    left: pad.left,
    right: width - pad.right,
  };
};
