// The curve of the loss on the examples, over gradient steps.

import { element, svg } from "./elements.js";

const [WIDTH, HEIGHT] = [320, 120];
const [LEFT, RIGHT, TOP, BOTTOM] = [34, 8, 8, 22];

/** A plot of one number a step. */
export class Curve {
  #shown = null;

  /**
   * @param {string} title What the number is.
   * @param {number} most The last step.
   */
  constructor(title, most) {
    this.title = title;
    this.most = most;
    this.plot = svg("svg.curve", {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      role: "img",
      "aria-label": title,
    });
    this.element = element(
      "figure",
      {},
      element("figcaption", {}, title),
      this.plot,
    );
    this.show([], 0);
  }

  /**
   * Draws it.
   * @param {number[]} losses By step from 0; some may be missing still.
   * @param {number} steps The step to mark.
   */
  show(losses, steps) {
    const shown = `${losses} ${steps}`;
    if (shown === this.#shown) return;
    this.#shown = shown;
    const x = (step) =>
      LEFT + (step / this.most) * (WIDTH - LEFT - RIGHT);
    const top = Math.max(...losses.filter(Number.isFinite), 1e-3) * 1.05;
    const y = (loss) => HEIGHT - BOTTOM - (loss / top) * (HEIGHT - TOP - BOTTOM);
    const points = losses
      .map((loss, step) => [x(step), y(loss)])
      .filter(([, where]) => Number.isFinite(where));
    const label = (at, text, where) =>
      svg("text", { x: at, y: where, "text-anchor": "middle" }, text);
    const marks = [];
    for (let step = 0; step <= this.most; step += 2) {
      marks.push(label(x(step), String(step), HEIGHT - 6));
    }
    if (points.length) {
      marks.push(label(LEFT / 2, number(top / 1.05), y(top / 1.05) + 4));
      marks.push(label(LEFT / 2, "0", y(0) + 2));
      marks.push(
        svg("polyline.line", { points: points.map(String).join(" ") }),
      );
      for (const [cx, cy] of points) {
        marks.push(svg("circle.dot", { cx, cy, r: 2.5 }));
      }
    }
    if (Number.isFinite(losses[steps])) {
      marks.push(
        svg("circle.now", { cx: x(steps), cy: y(losses[steps]), r: 5 }),
      );
      this.plot.setAttribute(
        "aria-label",
        `${this.title}: ${number(losses[0])} before,` +
          ` ${number(losses[steps])} after ${steps} steps`,
      );
    }
    this.plot.replaceChildren(
      svg("line.axis", {
        x1: LEFT, y1: y(0), x2: WIDTH - RIGHT, y2: y(0),
      }),
      ...marks,
    );
  }
}

/** Writes a number with three digits that count. */
export function number(value) {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(2)));
}
