// The power of one EVSE over the last hours, as a drawing.
import { draw } from "./dom.js";
import { power, roundPower } from "./words.js";

const HEIGHT = 170, LEFT = 52, RIGHT = 2, BOTTOM = 20, TOP = 8;
const PIXELS_PER_MARK = 70;
const KEPT_SECONDS = 6 * 3600;
const GAP_SECONDS = 20 * 60;
const STEPS = [100, 250, 500, 1000, 2000, 3000, 4000, 6000, 10000, 15000, 25000, 50000, 100000, 250000];

/** Points of time (Unix, s) and W, oldest first, and a drawing of them. */
export class Plot {
  constructor() {
    this.points = [];
    this.offers = [];
    this.hours = 1;
    this.width = 0;
    this.element = draw("svg", { class: "plot", height: HEIGHT, role: "img" });
    // As wide as its place, so that letters are as large on a phone as they are anywhere.
    new ResizeObserver(([{ contentRect }]) => {
      if (contentRect.width && contentRect.width !== this.width) this.draw(this.now, this.hours);
    }).observe(this.element);
  }

  /** Take what is offered from its `since` on. */
  offer(allocation) {
    if (!allocation) return;
    const at = new Date(allocation.since).getTime() / 1000;
    const [, watts] = this.offers[this.offers.length - 1] ?? [];
    if (watts !== allocation.offeredW) this.offers.push([at, allocation.offeredW]);
    if (this.offers[1]?.[0] < at - KEPT_SECONDS) this.offers.shift();
  }

  /** Take points that are newer than what is there, or replace its newest. */
  take(points) {
    const first = points[0][0];
    const oldest = points[points.length - 1][0] - KEPT_SECONDS;
    this.points = this.points.filter(([at]) => at < first && at > oldest).concat(points);
  }

  /** Draw the last hours before `now` (Unix, s). */
  draw(now, hours) {
    Object.assign(this, { now, hours, width: this.element.clientWidth });
    if (!this.width) return; // it has no place on the page yet
    const begin = now - hours * 3600;
    const points = this.points.filter(([at]) => at >= begin);
    const offers = steps(this.offers, begin, now);
    const top = scale(Math.max(...offers.concat(points).map(([, watts]) => watts), 1));
    const plane = {
      begin, now, top, right: this.width - RIGHT,
      x: (at) => LEFT + ((this.width - RIGHT - LEFT) * (at - begin)) / (hours * 3600),
      y: (watts) => HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - TOP) * watts) / top,
    };
    const parts = [...grid(plane), ...times(plane)];
    for (const run of runs(points, now)) {
      const line = path(run, plane);
      const [first] = run, last = run[run.length - 1];
      parts.push(draw("path", { class: "area", d: `${line}L${plane.x(last[0]).toFixed(1)} ${plane.y(0)}L${plane.x(first[0]).toFixed(1)} ${plane.y(0)}Z` }));
      parts.push(draw("path", { class: "line", d: line }));
    }
    if (offers.length) parts.push(draw("path", { class: "offer", d: path(offers, plane) }));
    const last = points[points.length - 1];
    parts.push(draw("title", {}, last ? `Power: ${power(last[1])} now, ${power(Math.max(...points.map(([, watts]) => watts)))} at most` : "Power: no readings yet"));
    this.element.setAttribute("viewBox", `0 0 ${this.width} ${HEIGHT}`);
    this.element.replaceChildren(...parts);
  }
}

function path(run, { x, y }) {
  return run.map(([at, watts], index) => `${index ? "L" : "M"}${x(at).toFixed(1)} ${y(watts).toFixed(1)}`).join("");
}

/** Return what held from `begin` on as corners of a line; each held until the next, the last until now. */
function steps(changes, begin, now) {
  const corners = [];
  changes.forEach(([at, watts], index) => {
    const end = Math.min(changes[index + 1]?.[0] ?? now, now);
    if (end > begin) corners.push([Math.max(at, begin), watts], [end, watts]);
  });
  return corners;
}

function scale(watts) {
  return STEPS.map((step) => step * 4).find((full) => full >= watts) ?? watts;
}

function grid({ top, right, y }) {
  return [0, 1, 2, 3, 4].flatMap((part) => {
    const watts = (top * part) / 4;
    return [
      draw("line", { class: "grid", x1: LEFT, x2: right, y1: y(watts), y2: y(watts) }),
      draw("text", { x: LEFT - 6, y: y(watts) + 4, "text-anchor": "end" }, roundPower(watts)),
    ];
  });
}

function times({ begin, now, right, x }) {
  const most = Math.max(1, Math.floor((right - LEFT) / PIXELS_PER_MARK));
  const step = [300, 900, 1800, 3600, 7200].find((each) => (now - begin) / each <= most) ?? 10800;
  const marks = [];
  // Full hours of this place, not of Greenwich.
  const offset = new Date(now * 1000).getTimezoneOffset() * 60;
  for (let at = Math.ceil((begin - offset) / step) * step + offset; at < now; at += step) {
    const text = new Date(at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    if (x(at) > LEFT + 10 && x(at) < right - 25) marks.push(draw("text", { x: x(at), y: HEIGHT - 4, "text-anchor": "middle" }, text));
  }
  return marks;
}

/** Split points where nothing was told for long; the newest lasts until now. */
function runs(points, now) {
  const found = [];
  for (const point of points) {
    const run = found[found.length - 1];
    if (run && point[0] - run[run.length - 1][0] <= GAP_SECONDS) run.push(point);
    else found.push([point]);
  }
  const last = found[found.length - 1];
  const newest = last?.[last.length - 1];
  if (newest && newest[0] < now && now - newest[0] <= GAP_SECONDS) last.push([now, newest[1]]);
  return found;
}
