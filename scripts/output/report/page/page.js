(() => {
  "use strict";
  const drawn = JSON.parse(document.getElementById("drawn").textContent);
  const yen = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
  const pad = { left: 78, right: 14, top: 10, bottom: 22 };
  const span = [drawn.start, Math.max(drawn.end, drawn.start + 1)];
  const jst = (at, long) => {
    const text = new Date(at + 9 * 3600e3).toISOString();
    return long ? text.slice(0, 16).replace("T", " ") : text.slice(5, 10);
  };
  const signed = (value) => (value > 0 ? "+" : value < 0 ? "\u2212" : "") + yen.format(Math.abs(value));

  const make = (parent, name, attributes = {}, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    parent.appendChild(element);
    return element;
  };
  const scale = (from, to, low, high) => (value) => low + ((value - from) / (to - from || 1)) * (high - low);
  const steps = (low, high, wanted) => {
    const rough = (high - low) / wanted || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
    const marks = [];
    for (let value = Math.ceil(low / step) * step; value <= high; value += step) marks.push(value);
    return marks;
  };
  const nearest = (sorted, value) => {
    let low = 0, high = sorted.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle] < value) low = middle + 1; else high = middle;
    }
    return low > 0 && value - sorted[low - 1] < sorted[low] - value ? low - 1 : low;
  };
  const points = (xs, ys) => xs.map((x, i) => `${x.toFixed(1)},${ys[i].toFixed(1)}`).join(" ");

  const frame = (holder, height, low, high, label, below = 0) => {
    holder.replaceChildren();
    const floor = height - pad.bottom - below;
    const width = Math.max(320, holder.clientWidth);
    const svg = make(holder, "svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": label });
    const x = scale(span[0], span[1], pad.left, width - pad.right);
    const y = scale(low, high, floor, pad.top);
    for (const value of steps(low, high, 5)) {
      make(svg, "line", { class: "grid", x1: pad.left, x2: width - pad.right, y1: y(value), y2: y(value) });
      make(svg, "text", { x: pad.left - 8, y: y(value) + 4, "text-anchor": "end" }, yen.format(value));
    }
    const hour = 3600e3;
    const every = [1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 720, 2160, 8760].map((n) => n * hour).find((n) => (span[1] - span[0]) / n <= width / 90) || 8760 * hour;
    for (let at = Math.ceil((span[0] + 9 * hour) / every) * every - 9 * hour; at <= span[1]; at += every) {
      const local = new Date(at + 9 * hour).toISOString();
      const text = local.slice(11, 16) === "00:00" || every >= 24 * hour ? local.slice(5, 10) : local.slice(11, 16);
      make(svg, "line", { class: "grid", x1: x(at), x2: x(at), y1: pad.top, y2: height - pad.bottom });
      make(svg, "text", { x: x(at), y: height - 6, "text-anchor": "middle" }, text);
    }
    return { svg, x, y, width, height, floor };
  };
  const pointer = (chart, tell, quiet) => {
    const cross = make(chart.svg, "line", { class: "cross", y1: pad.top, y2: chart.height - pad.bottom, visibility: "hidden" });
    chart.svg.addEventListener("pointermove", (event) => {
      const box = chart.svg.getBoundingClientRect();
      const at = scale(pad.left, chart.width - pad.right, span[0], span[1])(((event.clientX - box.left) / box.width) * chart.width);
      const x = tell(Math.min(span[1], Math.max(span[0], at)));
      if (x !== undefined) { cross.setAttribute("x1", x); cross.setAttribute("x2", x); cross.setAttribute("visibility", "visible"); }
    });
    chart.svg.addEventListener("pointerleave", () => { cross.setAttribute("visibility", "hidden"); quiet(); });
  };

  const beside = document.getElementById("hold-shown");
  beside.checked = drawn.equity.at.length > 0;
  beside.addEventListener("change", () => drawEquity());

  const drawEquity = () => {
    const { at, equity, drawdown, hold } = drawn.equity;
    const holder = document.getElementById("equity-chart");
    const readout = document.getElementById("equity-readout");
    if (!at.length) { holder.textContent = "No tick knew its equity."; return; }
    const shown = beside.checked ? equity.concat(hold) : equity;
    const low = Math.min(...shown), high = Math.max(...shown), room = (high - low) * 0.06 || high * 0.001;
    const chart = frame(holder, 340, low - room, high + room, "Equity over time, with the drawdown below", 82);
    const xs = at.map(chart.x), right = chart.width - pad.right;
    const deepest = Math.max(...drawdown, 0.0005), roof = chart.floor + 18;
    const depth = scale(0, deepest, roof, chart.height - pad.bottom);
    for (const share of [0, deepest]) {
      make(chart.svg, "line", { class: "grid", x1: pad.left, x2: right, y1: depth(share), y2: depth(share) });
      make(chart.svg, "text", { x: pad.left - 8, y: depth(share) + 4, "text-anchor": "end" }, share ? `\u2212${(share * 100).toFixed(2)} %` : "0 %");
    }
    make(chart.svg, "polygon", { class: "drawdown", points: `${xs[0]},${roof} ${points(xs, drawdown.map(depth))} ${xs[xs.length - 1]},${roof}` });
    make(chart.svg, "line", { class: "base", x1: pad.left, x2: right, y1: chart.y(equity[0]), y2: chart.y(equity[0]) });
    if (beside.checked) make(chart.svg, "polyline", { class: "hold", points: points(xs, hold.map(chart.y)) });
    make(chart.svg, "polyline", { class: "equity", points: points(xs, equity.map(chart.y)) });
    const dot = make(chart.svg, "circle", { class: "dot", r: 4.5, visibility: "hidden" });
    const say = (row) => {
      readout.textContent = `${jst(at[row], true)} JST · equity ${yen.format(equity[row])} · drawdown ${(-drawdown[row] * 100 || 0).toFixed(2)} % · buy and hold ${yen.format(hold[row])}`;
    };
    const last = at.length - 1;
    say(last);
    pointer(chart, (when) => {
      const row = nearest(at, when);
      say(row);
      dot.setAttribute("cx", xs[row]); dot.setAttribute("cy", chart.y(equity[row])); dot.setAttribute("visibility", "visible");
      return xs[row];
    }, () => { dot.setAttribute("visibility", "hidden"); say(last); });
  };

  const drawPrice = () => {
    const candles = drawn.candles, positions = drawn.positions;
    const holder = document.getElementById("price-chart");
    const readout = document.getElementById("price-readout");
    if (!candles.at.length) { holder.textContent = "No candles were given for this period."; return; }
    const levels = positions.flatMap((p) => [p.in_price, p.out_price, p.stop, p.target]).filter((v) => v);
    const low = Math.min(...candles.low, ...levels), high = Math.max(...candles.high, ...levels), room = (high - low) * 0.04;
    const chart = frame(holder, 420, low - room, high + room, "Price with entries, exits, stops and targets");
    const { svg, x, y } = chart;
    const body = Math.max(1, Math.min(9, ((x(candles.at[0] + candles.ms) - x(candles.at[0])) * 0.64)));
    for (const p of positions)
      make(svg, "rect", { class: "held", x: x(p.in_at), width: Math.max(1, x(p.out_at) - x(p.in_at)), y: pad.top, height: chart.height - pad.top - pad.bottom });
    candles.at.forEach((at, i) => {
      const middle = x(at + candles.ms / 2), rising = candles.close[i] >= candles.open[i];
      const group = rising ? "candle-up" : "candle-down";
      const top = y(Math.max(candles.open[i], candles.close[i])), foot = y(Math.min(candles.open[i], candles.close[i]));
      make(svg, "path", { class: group, d: `M${middle.toFixed(1)} ${y(candles.high[i]).toFixed(1)}V${top.toFixed(1)}M${middle.toFixed(1)} ${foot.toFixed(1)}V${y(candles.low[i]).toFixed(1)}` });
      make(svg, "rect", { class: group, x: (middle - body / 2).toFixed(1), y: top.toFixed(1), width: body.toFixed(1), height: Math.max(0.8, foot - top).toFixed(1) });
    });
    for (const p of positions) {
      const from = x(p.in_at), to = Math.max(from + 3, x(p.out_at)), tone = p.out_price === null ? "open" : p.net > 0 ? "won" : "lost";
      for (const level of ["stop", "target"])
        if (p[level]) make(svg, "line", { class: level, x1: from, x2: to, y1: y(p[level]), y2: y(p[level]) });
      if (p.out_price !== null) make(svg, "line", { class: `path ${tone}`, x1: from, y1: y(p.in_price), x2: x(p.out_at), y2: y(p.out_price) });
    }
    for (const p of positions) {
      const from = x(p.in_at), tip = y(p.in_price), s = p.sign;
      make(svg, "path", { class: "entry", d: `M${from} ${tip}l-5.5 ${9.5 * s}h11z` });
      if (p.out_price !== null) make(svg, "circle", { class: `exit ${p.net > 0 ? "won" : "lost"}`, cx: x(p.out_at), cy: y(p.out_price), r: 4 });
    }
    const told = (p) => ` · ${p.sign > 0 ? "long" : "short"} from ${yen.format(p.in_price)}` +
      (p.out_price === null ? ", still open" : `: ${p.why} at ${yen.format(p.out_price)}, ${signed(p.net)} JPY`);
    const say = (row, when) => {
      const held = positions.filter((p) => p.in_at <= when && when <= p.out_at + candles.ms).map(told).join("");
      readout.textContent = `${jst(candles.at[row], true)} JST · open ${yen.format(candles.open[row])} · high ${yen.format(candles.high[row])} · low ${yen.format(candles.low[row])} · close ${yen.format(candles.close[row])}${held}`;
    };
    const last = candles.at.length - 1;
    say(last, Infinity);
    pointer(chart, (when) => {
      const row = nearest(candles.at, when - candles.ms / 2);
      say(row, when);
      return x(candles.at[row] + candles.ms / 2);
    }, () => say(last, Infinity));
  };

  const draw = () => { drawEquity(); drawPrice(); document.documentElement.dataset.drawn = "yes"; };
  draw();
  let width = document.body.clientWidth;
  window.addEventListener("resize", () => {
    if (document.body.clientWidth !== width) { width = document.body.clientWidth; requestAnimationFrame(draw); }
  });
})();
