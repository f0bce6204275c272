// Candles with every entry and exit that is in sight; stop and target of the position pointed at.
const priceChart = (candles, positions) => {
  const holder = document.getElementById("price-chart"),
    readout = document.getElementById("price-readout");
  const began = positions.map((one) => one.in_at);
  const ended = (one) => (one.open ? drawn.end : one.out_at);
  let chart = null,
    bars = candles;
  const tone = (one) => (one.open ? "open" : one.net > 0 ? "won" : "lost");
  const wedge = (one) =>
    `M${fixed(chart.x(one.in_at))} ${fixed(chart.y(one.in_price))}l-5.5 ${9.5 * one.sign}h11z`;
  const ring = (one) =>
    `M${fixed(chart.x(one.out_at) - 3.8)} ${fixed(chart.y(one.out_price))}` +
    "a3.8 3.8 0 1 0 7.6 0a3.8 3.8 0 1 0 -7.6 0";
  const way = (one) =>
    `M${fixed(chart.x(one.in_at))} ${fixed(chart.y(one.in_price))}` +
    `L${fixed(chart.x(one.out_at))} ${fixed(chart.y(one.out_price))}`;

  const inSight = () => {
    const first = Math.max(0, rowAt(began, view.span[0]) - 1),
      last = rowAt(began, view.span[1]);
    return positions.slice(first, last).filter((one) => ended(one) >= view.span[0]);
  };
  const drawBars = (first, last) => {
    const wide = Math.max(
      1,
      Math.min(9, (chart.x(chart.from + bars.ms) - chart.x(chart.from)) * 0.66),
    );
    const paths = { "candle-up": "", "candle-down": "" };
    for (let i = first; i < last; i++) {
      const middle = chart.x(bars.at[i] + bars.ms / 2),
        rising = bars.close[i] >= bars.open[i];
      const top = chart.y(Math.max(bars.open[i], bars.close[i])),
        foot = chart.y(Math.min(bars.open[i], bars.close[i]));
      paths[rising ? "candle-up" : "candle-down"] +=
        `M${fixed(middle)} ${fixed(chart.y(bars.high[i]))}V${fixed(top)}` +
        `M${fixed(middle)} ${fixed(foot)}V${fixed(chart.y(bars.low[i]))}` +
        `M${fixed(middle - wide / 2)} ${fixed(top)}h${fixed(wide)}` +
        `v${fixed(Math.max(0.8, foot - top))}h${fixed(-wide)}z`;
    }
    for (const [name, d] of Object.entries(paths))
      if (d) make(chart.plot, "path", { class: name, d });
  };
  const drawLevels = (parent, one, name) => {
    const from = chart.x(one.in_at),
      to = Math.max(from + 4, chart.x(ended(one)));
    for (const level of ["stop", "target"])
      if (one[level])
        make(parent, "line", {
          class: `${level} ${name}`,
          x1: fixed(from),
          x2: fixed(to),
          y1: fixed(chart.y(one[level])),
          y2: fixed(chart.y(one[level])),
        });
  };
  const drawPositions = (seen) => {
    const crowded = seen.length > (chart.right - chart.left) / 12;
    const closed = seen.filter((one) => !one.open);
    const draw = (name, rows, shape) => {
      if (rows.length)
        make(chart.plot, "path", {
          class: name,
          "data-count": rows.length,
          d: rows.map(shape).join(""),
        });
    };
    if (crowded) {
      for (const result of ["won", "lost"])
        draw(
          `speck ${result}`,
          closed.filter((one) => tone(one) === result),
          (one) => `M${fixed(chart.x(one.out_at))} ${fixed(chart.y(one.out_price))}h.01`,
        );
      return;
    }
    if (seen.length <= 25) for (const one of seen) drawLevels(chart.plot, one, "faint");
    for (const result of ["won", "lost"])
      draw(
        `path ${result}`,
        closed.filter((one) => tone(one) === result),
        way,
      );
    for (const result of ["won", "lost"])
      draw(
        `exit ${result}`,
        closed.filter((one) => tone(one) === result),
        ring,
      );
    draw(
      "entry long",
      seen.filter((one) => one.sign > 0),
      wedge,
    );
    draw(
      "entry short",
      seen.filter((one) => one.sign < 0),
      wedge,
    );
  };
  const draw = () => {
    const [from, to] = view.span,
      width = Math.max(280, holder.clientWidth);
    bars = candlesFor(candles, to - from, width - 94);
    const first = Math.max(0, rowAt(bars.at, from - bars.ms)),
      last = rowAt(bars.at, to);
    const seen = inSight();
    let low = Infinity,
      high = -Infinity;
    for (let i = first; i < last; i++) {
      low = Math.min(low, bars.low[i]);
      high = Math.max(high, bars.high[i]);
    }
    if (low > high) [low, high] = [0, 1];
    if (seen.length <= 25) {
      const reach = high - low;
      for (const level of seen
        .flatMap((one) => [one.stop, one.target])
        .filter((value) => value > low - reach && value < high + reach)) {
        low = Math.min(low, level);
        high = Math.max(high, level);
      }
    }
    const room = (high - low) * 0.05 || 1;
    chart = overlay(
      frame(holder, {
        height: 440,
        low: low - room,
        high: high + room,
        label: tell("price_label"),
      }),
    );
    drawBars(first, last);
    drawPositions(seen);
    const shorter = bars.ms < DAY ? lasting(bars.ms).replace(".0", "") : lasting(bars.ms);
    document.getElementById("bar-length").textContent = tell("bar", {
      length: bars.ms === DAY ? tell("one_day") : shorter,
    });
    point(view.at);
  };
  // The position at an instant, or the one whose fills are within a few pixels of it.
  const heldAt = (at) => {
    if (view.chosen) return view.chosen;
    const row = rowAt(began, at + 1) - 1;
    if (row >= 0 && at <= ended(positions[row])) return positions[row];
    const near = [positions[row], positions[row + 1]]
      .filter(Boolean)
      .map((one) => [
        Math.min(
          Math.abs(chart.x(one.in_at) - chart.x(at)),
          Math.abs(chart.x(ended(one)) - chart.x(at)),
        ),
        one,
      ]);
    near.sort((a, b) => a[0] - b[0]);
    return near.length && near[0][0] <= 6 ? near[0][1] : null;
  };
  const told = (one) =>
    tell("position", {
      number: one.number,
      side: sideOf(one.sign),
      size: (one.lots / 1e4).toFixed(4),
      price: yen(one.in_price),
    }) +
    (one.open
      ? tell("still_open")
      : tell("ended", { why: one.reason, price: yen(one.out_price), net: signed(one.net) })) +
    (one.stop ? tell("bracket", { stop: yen(one.stop), target: yen(one.target) }) : "");
  const point = (at) => {
    if (!chart) return;
    const when = at ?? view.span[1];
    const row = Math.max(0, Math.min(bars.at.length - 1, rowAt(bars.at, when + 1) - 1));
    const one = at === null && !view.chosen ? null : heldAt(when);
    readout.textContent = tell("price", {
      at: jst(bars.at[row]),
      open: yen(bars.open[row]),
      high: yen(bars.high[row]),
      low: yen(bars.low[row]),
      close: yen(bars.close[row]),
      position: one ? told(one) : "",
    });
    chart.cross(at === null ? null : chart.x(bars.at[row] + bars.ms / 2));
    if (!one) return;
    const from = chart.x(one.in_at),
      to = Math.max(from + 3, chart.x(ended(one)));
    make(chart.over, "rect", {
      class: "held",
      x: fixed(from),
      width: fixed(to - from),
      y: chart.pad.top,
      height: chart.height - chart.pad.top - chart.pad.bottom,
    });
    drawLevels(chart.over, one, "strong");
    if (!one.open) make(chart.over, "path", { class: `path ${tone(one)}`, d: way(one) });
    if (!one.open) make(chart.over, "path", { class: `exit ${tone(one)}`, d: ring(one) });
    make(chart.over, "path", { class: `entry ${one.sign > 0 ? "long" : "short"}`, d: wedge(one) });
  };
  if (!candles.at.length) {
    holder.textContent = tell("no_candles");
    return;
  }
  movable(holder, () => chart);
  view.charts.push({ draw, point });
};
