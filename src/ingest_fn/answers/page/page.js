"use strict";
const list = document.querySelector(".rows"), form = document.querySelector("form");
const said = form.querySelector("output"), all = [...list.children];
const first = new Map(all.map((row, place) => [row, place]));
const words = new WeakMap();
const wordsOf = (row) => {
  if (!words.has(row)) words.set(row, row.textContent.toLowerCase());
  return words.get(row);
};
const SORTS = {
  saving: (a, b) => first.get(a) - first.get(b),
  name: (a, b) => a.dataset.n.localeCompare(b.dataset.n, "en", { numeric: true }),
  team: (a, b) => a.dataset.t.localeCompare(b.dataset.t, "en") || SORTS.saving(a, b),
  peak: (a, b) => b.dataset.p - a.dataset.p,
  confidence: (a, b) => b.dataset.c - a.dataset.c,
};
const FINDINGS = ["idle", "oversized", "switch_off", "undersized"];
let sorted = "saving";
function show() {
  const { find, verdict, team, sort, excluded } = form.elements;
  const text = find.value.trim().toLowerCase();
  let count = 0;
  for (const row of all) {
    const { v, t, h } = row.dataset;
    const fits = (!verdict.value || v === verdict.value ||
      (verdict.value === "findings" && FINDINGS.includes(v))) &&
      (!team.value || t === team.value.slice(1)) &&
      (excluded.checked || h === "0") && (!text || wordsOf(row).includes(text));
    row.hidden = !fits;
    count += fits;
  }
  if (sort.value !== sorted) {
    sorted = sort.value;
    list.append(...[...all].sort(SORTS[sorted]));
  }
  said.value = `${count.toLocaleString("en")} of ${all.length.toLocaleString("en")} shown`;
}
const SVG = "http://www.w3.org/2000/svg";
function draw(name, attributes, parent, text) {
  const made = document.createElementNS(SVG, name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  if (text) made.textContent = text;
  return parent.appendChild(made);
}
function week(details) {
  const levels = details.dataset.w, name = details.parentElement.dataset.n;
  const known = [...levels].filter((one) => one !== "-").length;
  const map = draw("svg", { class: "week", viewBox: "0 0 276 70", role: "img", "aria-label":
    `${name}: mean CPU by hour of the week, UTC; ${known} of 168 hours known` }, details);
  ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].forEach((day, y) => {
    draw("text", { x: 0, y: y * 8 + 7 }, map, day);
    for (let x = 0; x < 24; x++) {
      const one = levels[y * 24 + x];
      draw("rect", { class: one === "-" ? "u" : "h" + one, x: 20 + x * 10.5, y: y * 8 + 1,
        width: 9.5, height: 7 }, map);
    }
  });
  for (const x of [0, 6, 12, 18]) draw("text", { x: 20 + x * 10.5, y: 66 }, map, x + " h");
}
list.addEventListener("toggle", ({ target }) => {
  if (target.open && !target.querySelector("svg")) week(target);
}, true);
form.addEventListener("input", show);
form.addEventListener("submit", (event) => event.preventDefault());
form.classList.remove("go");
form.reset();
show();
