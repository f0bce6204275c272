// The whole period in small, with the window that the charts show: drag it, its edges, or a new
// one.
const overview = (curve) => {
  const holder = document.getElementById("overview");
  const height = 46,
    edge = 9;
  let chart = null,
    drag = null;
  const draw = () => {
    const width = Math.max(280, holder.clientWidth),
      [from, to] = view.all;
    const x = scale(from, to, 0, width),
      [low, high] = extremes(curve.at, [curve.equity], from, to);
    holder.replaceChildren();
    const svg = make(holder, "svg", {
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      "aria-hidden": "true",
    });
    chart = { x, from, to, width };
    make(svg, "polyline", {
      class: "equity",
      points: outline(curve.at, curve.equity, chart, scale(low, high, height - 5, 5)).join(" "),
    });
    const [a, b] = view.span.map(x);
    for (const [start, length] of [
      [0, a],
      [b, width - b],
    ])
      make(svg, "rect", {
        class: "outside",
        x: fixed(start),
        y: 0,
        width: fixed(Math.max(0, length)),
        height,
      });
    make(svg, "rect", {
      class: "window",
      x: fixed(a + 0.5),
      y: 0.5,
      width: fixed(Math.max(2, b - a - 1)),
      height: height - 1,
      rx: 3,
    });
    if (zoomed())
      for (const place of [a, b])
        make(svg, "rect", {
          class: "handle",
          x: fixed(Math.max(0, Math.min(width - 5, place - 2.5))),
          y: height / 2 - 9,
          width: 5,
          height: 18,
          rx: 2,
        });
  };
  const pixel = (event) => event.clientX - holder.getBoundingClientRect().left;
  const instant = (x) => scale(0, chart.width, ...view.all)(x);
  holder.addEventListener("pointerdown", (event) => {
    const x = pixel(event),
      [a, b] = view.span.map(chart.x);
    holder.setPointerCapture(event.pointerId);
    const kind = !zoomed()
      ? "new"
      : Math.abs(x - a) < edge
        ? "first"
        : Math.abs(x - b) < edge
          ? "last"
          : x > a && x < b
            ? "move"
            : "new";
    drag = { kind, x, span: view.span.slice() };
  });
  holder.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const by = instant(pixel(event)) - instant(drag.x),
      [from, to] = drag.span;
    if (drag.kind === "move") show(from + by, to + by);
    else if (drag.kind === "first") show(Math.min(from + by, to - SHORTEST), to);
    else if (drag.kind === "last") show(from, Math.max(to + by, from + SHORTEST));
    else if (Math.abs(pixel(event) - drag.x) > 3)
      show(...[instant(drag.x), instant(pixel(event))].sort((a, b) => a - b));
  });
  for (const name of ["pointerup", "pointercancel"])
    holder.addEventListener(name, () => {
      drag = null;
    });
  holder.addEventListener("dblclick", () => show(...view.all));
  if (curve.at.length) view.charts.push({ draw });
};
