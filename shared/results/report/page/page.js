// Puts the page together: data, charts, buttons, light and dark, printing.
const root = document.documentElement;
const candles = unpackCandles(drawn.candles);
const curve = unpackCurve(drawn.curve, candles, drawn.hold);
const positions = unpackPositions(drawn.positions);
overview(curve);
equityChart(curve);
priceChart(candles, positions);
if (positions.length) positionList(positions);

for (const button of document.querySelectorAll("[data-days]")) {
  button.disabled = button.dataset.days !== "all" && Number(button.dataset.days) * DAY >= view.all[1] - view.all[0];
  button.addEventListener("click", () => {
    if (button.dataset.days === "all") { show(...view.all); return; }
    const length = Number(button.dataset.days) * DAY, end = zoomed() ? (view.span[0] + view.span[1] + length) / 2 : view.all[1];
    show(end - length, end);
  });
}
const moves = { in: () => zoom(0.5), out: () => zoom(2), left: () => pan(-0.5), right: () => pan(0.5) };
for (const button of document.querySelectorAll("[data-move]")) button.addEventListener("click", moves[button.dataset.move]);

const theme = document.getElementById("theme");
const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const nameTheme = () => { theme.textContent = dark() ? "Light" : "Dark"; theme.setAttribute("aria-label", `Show the page in ${dark() ? "light" : "dark"} colours`); };
theme.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; nameTheme(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", nameTheme);
nameTheme();
const folded = [...document.querySelectorAll("details")];
let unfolded = [];
window.addEventListener("beforeprint", () => { unfolded = folded.filter((one) => !one.open); for (const one of unfolded) one.open = true; });
window.addEventListener("afterprint", () => { for (const one of unfolded) one.open = false; });

for (const chart of view.charts) chart.draw();
tellSpan();
root.dataset.drawn = "yes";
let width = document.body.clientWidth;
window.addEventListener("resize", () => {
  if (document.body.clientWidth !== width) { width = document.body.clientWidth; redraw(); }
});
