// Equity beside buy and hold, with the drawdown below.
const equityChart = (curve) => {
  const holder = document.getElementById("equity-chart"),
    readout = document.getElementById("equity-readout");
  const beside = document.getElementById("hold-shown");
  let chart = null;
  const say = (row) => {
    const held = curve.lots[row]
      ? tell("held", {
          side: sideOf(curve.lots[row]),
          size: (Math.abs(curve.lots[row]) / 1e4).toFixed(4),
        })
      : "";
    readout.textContent = tell("equity", {
      at: jst(curve.at[row]),
      equity: yen(curve.equity[row]),
      change: percent(curve.equity[row] / curve.equity[0] - 1),
      drawdown: percent(curve.drawdown[row]),
      hold: yen(curve.hold[row]),
      held,
    });
  };
  const draw = () => {
    const [low, high] = extremes(
      curve.at,
      beside.checked ? [curve.equity, curve.hold] : [curve.equity],
      ...view.span,
    );
    const room = (high - low) * 0.06 || Math.abs(high) * 0.001 || 1;
    const below = 86;
    chart = overlay(
      frame(holder, {
        height: 380,
        low: low - room,
        high: high + room,
        label: tell("equity_label"),
        below,
      }),
    );
    const { plot, pad } = chart,
      roof = chart.floor + 20,
      ground = chart.height - pad.bottom;
    const deepest = Math.max(extremes(curve.at, [curve.drawdown], ...view.span)[1], 0.0005);
    const depth = scale(0, deepest, roof, ground);
    for (const share of [0, deepest]) {
      make(chart.svg, "line", {
        class: "grid",
        x1: chart.left,
        x2: chart.right,
        y1: fixed(depth(share)),
        y2: fixed(depth(share)),
      });
      make(
        chart.svg,
        "text",
        { x: chart.left - 8, y: fixed(depth(share) + (share ? 2 : 5)), "text-anchor": "end" },
        share ? percent(-share, deepest < 0.01 ? 2 : 1) : "0 %",
      );
    }
    const shade = outline(curve.at, curve.drawdown, chart, depth);
    if (shade.length) {
      const ends = [shade[0], shade[shade.length - 1]].map((text) => text.split(",")[0]);
      make(plot, "polygon", {
        class: "drawdown",
        points: `${ends[0]},${roof} ${shade.join(" ")} ${ends[1]},${roof}`,
      });
    }
    make(plot, "line", {
      class: "base",
      x1: chart.left,
      x2: chart.right,
      y1: fixed(chart.y(curve.equity[0])),
      y2: fixed(chart.y(curve.equity[0])),
    });
    if (beside.checked)
      make(plot, "polyline", {
        class: "hold",
        points: outline(curve.at, curve.hold, chart, chart.y).join(" "),
      });
    make(plot, "polyline", {
      class: "equity",
      points: outline(curve.at, curve.equity, chart, chart.y).join(" "),
    });
    point(view.at);
  };
  const point = (at) => {
    const row = nearest(curve.at, at ?? Math.min(curve.at[curve.at.length - 1], view.span[1]));
    say(row);
    chart.cross(at === null ? null : chart.x(curve.at[row]));
    if (at === null) return;
    if (beside.checked)
      make(chart.over, "circle", {
        class: "dot hold",
        r: 3.5,
        cx: fixed(chart.x(curve.at[row])),
        cy: fixed(chart.y(curve.hold[row])),
      });
    make(chart.over, "circle", {
      class: "dot",
      r: 4.5,
      cx: fixed(chart.x(curve.at[row])),
      cy: fixed(chart.y(curve.equity[row])),
    });
  };
  if (!curve.at.length) {
    holder.textContent = tell("no_equity");
    return;
  }
  beside.addEventListener("change", redraw);
  movable(holder, () => chart);
  view.charts.push({ draw, point });
};
