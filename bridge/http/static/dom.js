// Elements out of data. Text goes in as text nodes only, so nothing that a station sends can become
// HTML; the page's Content-Security-Policy (trusted-types) would not let it either.

const SVG = "http://www.w3.org/2000/svg";

/** Return the element with an id. */
export const byId = (id) => document.getElementById(id);

/** Make an element: its classes, then texts and elements inside of it. */
export function make(tag, classes = "", ...inside) {
  const made = document.createElement(tag);
  if (classes) made.className = classes;
  made.append(...inside.map((each) => (each instanceof Node ? each : shown(each))));
  return made;
}

/** Make an element of a drawing, with numbers and our own words as attributes. */
export function draw(tag, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
}

/** Return a value as text. */
export const shown = (value) => (value === null || value === undefined ? "–" : String(value));

/** Set the text of an element, if it is another one. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Make a row of a table. */
export function row(...cells) {
  return make("tr", "", ...cells.map((cell) => make("td", "", cell)));
}
