// What is shown: one span of time and one instant pointed at, shared by all charts, and every way
// to move them.
const view = {
  all: [drawn.start, Math.max(drawn.end, drawn.start + 1)],
  span: null,
  at: null,
  chosen: null,
  charts: [],
};
view.span = view.all.slice();
const SHORTEST = Math.min(3 * HOUR, view.all[1] - view.all[0]);

const zoomed = () => view.span[0] > view.all[0] || view.span[1] < view.all[1];
let waiting = false;
const redraw = () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    for (const chart of view.charts) chart.draw();
    tellSpan();
  });
};
const show = (from, to) => {
  const [first, last] = view.all;
  const length = Math.min(last - first, Math.max(SHORTEST, to - from));
  const start = Math.max(first, Math.min(last - length, from + (to - from - length) / 2));
  view.span = [start, start + length];
  redraw();
};
const zoom = (factor, about = (view.span[0] + view.span[1]) / 2) => {
  const [from, to] = view.span,
    length = Math.max(SHORTEST, (to - from) * factor);
  const start = about - ((about - from) / (to - from)) * length;
  show(start, start + length);
};
const pan = (share) => {
  const by = (view.span[1] - view.span[0]) * share;
  show(view.span[0] + by, view.span[1] + by);
};
const point = (at) => {
  view.at = at;
  for (const chart of view.charts) if (chart.point) chart.point(at);
};

const tellSpan = () => {
  const [from, to] = view.span;
  document.getElementById("span").textContent =
    `${jst(from)} \u2013 ${jst(to)} JST \u00b7 ${lasting(to - from)}`;
  for (const button of document.querySelectorAll("[data-days]")) {
    const wanted =
      button.dataset.days === "all" ? view.all[1] - view.all[0] : Number(button.dataset.days) * DAY;
    button.setAttribute(
      "aria-pressed",
      String(
        Math.abs(to - from - wanted) < HOUR &&
          (button.dataset.days === "all" ? !zoomed() : zoomed()),
      ),
    );
  }
};

// A chart answers to pointer, wheel, touch and keys. `chart()` is its present frame.
const movable = (holder, chart) => {
  const pointers = new Map();
  let drag = null,
    pinch = null;
  const pixel = (event) => {
    const box = holder.getBoundingClientRect();
    return ((event.clientX - box.left) / box.width) * chart().width;
  };
  const instant = (x, span = view.span) => scale(chart().left, chart().right, span[0], span[1])(x);
  const within = (at) => Math.min(view.span[1], Math.max(view.span[0], at));

  holder.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    pointers.set(event.pointerId, pixel(event));
    holder.setPointerCapture(event.pointerId);
    if (pointers.size === 2) {
      drag = null;
      pinch = { span: view.span.slice(), from: [...pointers.values()] };
      return;
    }
    drag = {
      x: pixel(event),
      span: view.span.slice(),
      selects: event.shiftKey || !zoomed(),
      moved: false,
    };
  });
  holder.addEventListener("pointermove", (event) => {
    if (!chart()) return;
    const x = pixel(event);
    if (pointers.has(event.pointerId)) pointers.set(event.pointerId, x);
    if (pinch && pointers.size === 2) {
      const [a, b] = pinch.from,
        [c, d] = [...pointers.values()];
      const [from, to] = pinch.span,
        factor = Math.abs(a - b) / Math.max(8, Math.abs(c - d));
      const middle = instant((a + b) / 2, pinch.span),
        start = middle - (middle - from) * factor;
      show(start, start + (to - from) * factor);
      return;
    }
    if (drag && Math.abs(x - drag.x) > 4) drag.moved = true;
    if (drag && drag.moved && !drag.selects) {
      const by = instant(drag.x, drag.span) - instant(x, drag.span);
      show(drag.span[0] + by, drag.span[1] + by);
    }
    view.chosen = null;
    point(within(instant(x)));
    if (drag && drag.moved && drag.selects) chart().select(drag.x, x);
  });
  const end = (event) => {
    pointers.delete(event.pointerId);
    if (pinch) {
      pinch = null;
      return;
    }
    if (drag && drag.moved && drag.selects && event.type === "pointerup") {
      const ends = [drag.x, pixel(event)].map((x) => within(instant(x))).sort((a, b) => a - b);
      show(...ends);
    }
    drag = null;
  };
  holder.addEventListener("pointerup", end);
  holder.addEventListener("pointercancel", end);
  holder.addEventListener("pointerleave", () => {
    if (!drag) point(null);
  });
  holder.addEventListener("dblclick", () => show(...view.all));
  holder.addEventListener(
    "wheel",
    (event) => {
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        if (!zoomed()) return;
        event.preventDefault();
        pan(event.deltaX / chart().width);
      } else if (event.ctrlKey || event.metaKey || document.activeElement === holder) {
        event.preventDefault();
        zoom(
          Math.exp(Math.max(-1, Math.min(1, event.deltaY / 240))),
          within(instant(pixel(event))),
        );
      }
    },
    { passive: false },
  );
  holder.addEventListener("keydown", (event) => {
    const step = (view.span[1] - view.span[0]) / 60,
      at = view.at ?? view.span[1];
    const moves = {
      ArrowLeft: () => (event.shiftKey ? pan(-0.25) : point(within(at - step))),
      ArrowRight: () => (event.shiftKey ? pan(0.25) : point(within(at + step))),
      "+": () => zoom(0.5, within(at)),
      "=": () => zoom(0.5, within(at)),
      "-": () => zoom(2, within(at)),
      0: () => show(...view.all),
      Home: () => pan(-1e6),
      End: () => pan(1e6),
      Escape: () => point(null),
    };
    if (!moves[event.key] || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    moves[event.key]();
  });
};

// The line under the pointer and the shade of a span that is being chosen, above everything else of
// a chart.
const overlay = (chart) => {
  const select = (from, to) =>
    make(chart.over, "rect", {
      class: "selected",
      x: fixed(Math.min(from, to)),
      width: fixed(Math.abs(to - from)),
      y: chart.pad.top,
      height: chart.height - chart.pad.top - chart.pad.bottom,
    });
  const cross = (x) => {
    chart.over.replaceChildren();
    if (x !== null)
      make(chart.over, "line", {
        class: "cross",
        x1: fixed(x),
        x2: fixed(x),
        y1: chart.pad.top,
        y2: chart.height - chart.pad.bottom,
      });
  };
  return Object.assign(chart, { select, cross });
};
