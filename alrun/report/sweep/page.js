"use strict";
// A convenience: without it the page shows the same. It reads nothing but the page, and writes text only.

const all = (selector, within = document) => [...within.querySelectorAll(selector)];

function make(tag, text, properties = {}) {
  return Object.assign(document.createElement(tag), { textContent: text }, properties);
}

// Tables sort by a click on a column's title: numbers ascending first, cells without one last.
function sortable(table) {
  const heads = all("thead th", table);
  heads.forEach((head, column) => {
    const button = make("button", head.textContent, { type: "button" });
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const key = (row) => column ? parseFloat(row.cells[column].dataset.value) : row.cells[0].textContent;
      const compare = (a, b) => {
        const [x, y] = [key(a), key(b)];
        if (!column) return sign * x.localeCompare(y);
        if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
        return x === y ? 0 : sign * (x < y ? -1 : 1);
      };
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
    });
  });
}

// A click on an arm's name hides it in every figure, or shows it again.
function switchable(item) {
  const arm = item.dataset.arm;
  const button = make("button", "", { type: "button" });
  button.setAttribute("aria-pressed", "true");
  button.append(...item.childNodes);
  item.append(button);
  button.addEventListener("click", () => {
    const shown = button.getAttribute("aria-pressed") !== "true";
    all(".arms li").filter((other) => other.dataset.arm === arm)
      .forEach((other) => other.firstElementChild.setAttribute("aria-pressed", String(shown)));
    all("svg g[data-arm]").filter((group) => group.dataset.arm === arm)
      .forEach((group) => group.classList.toggle("off", !shown));
  });
}

// Where curves are drawn over labels and over cost, one of them is shown at a time.
function axes(box) {
  const figures = all(":scope > .over", box);
  if (figures.length < 2) return;
  const buttons = figures.map((figure) => make("button", `over ${figure.dataset.axis}`, { type: "button" }));
  const show = (chosen) => figures.forEach((figure, i) => {
    figure.classList.toggle("off", i !== chosen);
    buttons[i].setAttribute("aria-pressed", String(i === chosen));
  });
  buttons.forEach((button, i) => button.addEventListener("click", () => show(i)));
  const row = make("div", "", { className: "switch" });
  row.append(...buttons);
  box.prepend(row);
  show(0);
}

// The values of all arms at the budget under the pointer, or step by step with the arrow keys.
function readable(svg) {
  const table = document.getElementById(svg.dataset.numbers);
  const rows = [...table.tBodies[0].rows];
  const heads = all("thead th", table);
  const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
  for (const [key, value] of Object.entries({ class: "cursor off", y1: "0", y2: "100%" })) line.setAttribute(key, value);
  svg.prepend(line);
  const values = make("p", "Point at the figure, or step through it with the arrow keys.", { className: "values" });
  values.setAttribute("role", "status");
  svg.closest(".over").querySelector("figcaption").before(values);
  svg.setAttribute("tabindex", "0");
  let current = -1;
  const show = (index) => {
    if (index === current) return;
    current = index;
    const row = rows[index];
    line.setAttribute("class", "cursor");
    line.setAttribute("x1", `${row.dataset.at}%`);
    line.setAttribute("x2", `${row.dataset.at}%`);
    values.replaceChildren(make("b", `${row.cells[0].textContent} `), `${svg.closest(".over").dataset.axis}: `);
    heads.slice(1).forEach((head, i) => {
      const drawn = all("g[data-arm]", svg).find((group) => group.dataset.arm === head.dataset.arm);
      if (drawn.classList.contains("off")) return;
      values.append(`${head.textContent} `, make("b", row.cells[i + 1].textContent.split(" ")[0]), "  ");
    });
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const at = 100 * (event.clientX - box.left) / box.width;
    const distances = rows.map((row) => Math.abs(row.dataset.at - at));
    show(distances.indexOf(Math.min(...distances)));
  });
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(Math.max(0, Math.min(rows.length - 1, current + step)));
  });
}

all("table.sortable").forEach(sortable);
all(".arms li").forEach(switchable);
all(".overs").forEach(axes);
all("svg[data-numbers]").forEach(readable);
