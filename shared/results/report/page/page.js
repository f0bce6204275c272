// Puts the page together: data, charts, buttons.
const candles = unpackCandles(drawn.candles);
const curve = unpackCurve(drawn.curve, candles, drawn.hold);
const positions = unpackPositions(drawn.positions);
overview(curve);
equityChart(curve);
priceChart(candles, positions);
if (positions.length) positionList(positions);

for (const button of document.querySelectorAll("[data-days]")) {
  button.disabled =
    button.dataset.days !== "all" && Number(button.dataset.days) * DAY >= view.all[1] - view.all[0];
  button.addEventListener("click", () => {
    if (button.dataset.days === "all") {
      show(...view.all);
      return;
    }
    const length = Number(button.dataset.days) * DAY,
      end = zoomed() ? (view.span[0] + view.span[1] + length) / 2 : view.all[1];
    show(end - length, end);
  });
}
const moves = {
  in: () => zoom(0.5),
  out: () => zoom(2),
  left: () => pan(-0.5),
  right: () => pan(0.5),
};
for (const button of document.querySelectorAll("[data-move]"))
  button.addEventListener("click", moves[button.dataset.move]);

for (const chart of view.charts) chart.draw();
tellSpan();
root.dataset.drawn = "yes";
let width = document.body.clientWidth;
window.addEventListener("resize", () => {
  if (document.body.clientWidth !== width) {
    width = document.body.clientWidth;
    redraw();
  }
});
