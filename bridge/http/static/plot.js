// The power of one EVSE over the last hours, as a drawing.
import { draw } from "./dom.js";
import { power, roundPower } from "./words.js";

const WIDTH = 600, HEIGHT = 150, LEFT = 52, BOTTOM = 20, TOP = 8;
const KEPT_SECONDS = 6 * 3600;
const GAP_SECONDS = 20 * 60;
const STEPS = [100, 250, 500, 1000, 2000, 3000, 4000, 6000, 10000, 15000, 25000, 50000, 100000, 250000];

/** Points of time (Unix, s) and W, oldest first, and a drawing of them. */
export class Plot {
  constructor() {
    this.points = [];
    this.element = draw("svg", { class: "plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  }

  /** Take points that are newer than what is there, or replace its newest. */
  take(points) {
    const first = points[0][0];
    const oldest = points[points.length - 1][0] - KEPT_SECONDS;
    this.points = this.points.filter(([at]) => at < first && at > oldest).concat(points);
  }

  /** Draw the last hours before `now` (Unix, s), and what is offered (W). */
  draw(now, hours, offered) {
    const begin = now - hours * 3600;
    const points = this.points.filter(([at]) => at >= begin);
    const top = scale(Math.max(offered ?? 0, ...points.map(([, watts]) => watts), 1));
    const x = (at) => LEFT + ((WIDTH - LEFT) * (at - begin)) / (hours * 3600);
    const y = (watts) => HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - TOP) * watts) / top;
    const parts = [...grid(top, y), ...hoursOf(begin, now, hours, x)];
    for (const run of runs(points, now)) {
      const line = run.map(([at, watts], index) => `${index ? "L" : "M"}${x(at).toFixed(1)} ${y(watts).toFixed(1)}`).join("");
      const [first] = run, last = run[run.length - 1];
      parts.push(draw("path", { class: "area", d: `${line}L${x(last[0]).toFixed(1)} ${y(0)}L${x(first[0]).toFixed(1)} ${y(0)}Z` }));
      parts.push(draw("path", { class: "line", d: line }));
    }
    if (offered) parts.push(draw("line", { class: "offer", x1: LEFT, x2: WIDTH, y1: y(offered), y2: y(offered) }));
    const last = points[points.length - 1];
    parts.push(draw("title", {}, last ? `Power: ${power(last[1])} now, ${power(Math.max(...points.map(([, watts]) => watts)))} at most` : "Power: no readings yet"));
    this.element.replaceChildren(...parts);
  }
}

function scale(watts) {
  return STEPS.map((step) => step * 4).find((full) => full >= watts) ?? watts;
}

function grid(top, y) {
  return [0, 1, 2, 3, 4].flatMap((part) => {
    const watts = (top * part) / 4;
    return [
      draw("line", { class: "grid", x1: LEFT, x2: WIDTH, y1: y(watts), y2: y(watts) }),
      draw("text", { x: LEFT - 6, y: y(watts) + 4, "text-anchor": "end" }, roundPower(watts)),
    ];
  });
}

function hoursOf(begin, now, hours, x) {
  const step = hours > 1 ? 3600 : hours === 1 ? 900 : 300;
  const marks = [];
  for (let at = Math.ceil(begin / step) * step; at < now; at += step) {
    const text = new Date(at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    if (x(at) < WIDTH - 30) marks.push(draw("text", { x: x(at), y: HEIGHT - 4, "text-anchor": "middle" }, text));
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
