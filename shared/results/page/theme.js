// The button that changes between light and dark; on paper everything is unfolded.
const root = document.documentElement;
const theme = document.getElementById("theme");
const dark = () =>
  (root.dataset.theme ||
    (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const nameTheme = () => {
  theme.textContent = dark() ? theme.dataset.light : theme.dataset.dark;
  theme.setAttribute("aria-label", dark() ? theme.dataset.showLight : theme.dataset.showDark);
};
theme.addEventListener("click", () => {
  root.dataset.theme = dark() ? "light" : "dark";
  nameTheme();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", nameTheme);
nameTheme();
const folded = [...document.querySelectorAll("details")];
let unfolded = [];
window.addEventListener("beforeprint", () => {
  unfolded = folded.filter((one) => !one.open);
  for (const one of unfolded) one.open = true;
});
window.addEventListener("afterprint", () => {
  for (const one of unfolded) one.open = false;
});
