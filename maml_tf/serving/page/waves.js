// The view of models of one number from one number: points and the curve.

import { Board } from "./board.js";
import { Latest } from "./client.js";
import { Curve, number } from "./curve.js";
import { element, svg } from "./elements.js";
import { Steps, firstSteps, mostSteps } from "./steps.js";

const [X, Y] = [5, 6]; // The plot goes from -X to X and from -Y to Y.
const [WIDTH, HEIGHT] = [600, 360];
const GRID = Array.from({ length: 81 }, (_, n) => -X + (2 * X * n) / 80);
const TODO = "Click into the plot to give points of a wave.";
const KEYS = {
  ArrowLeft: [-0.25, 0],
  ArrowRight: [0.25, 0],
  ArrowUp: [0, 0.25],
  ArrowDown: [0, -0.25],
};

/** Points, the curves after each step and the loss for one model. */
export class Waves {
  #curves = [];
  #losses = [];
  #answered = null; // The points that the curves belong to.

  /** Arguments as of `Pictures`. */
  constructor(client, model, page) {
    Object.assign(this, { client, model, page });
    this.most = mostSteps(model);
    this.limit = model.limits?.examples ?? 100;
    this.board = new Board({
      points: [],
      wave: null,
      steps: firstSteps(model),
    });
    this.cursor = { x: 0, y: 0, shown: false };
    this.hasExample = true;
    this.latest = new Latest(page.busy);
    this.#build();
    this.board.addEventListener("change", () => this.refresh());
    this.board.state = { ...this.board.state, ...drawnWave() };
  }

  /** Draws another wave and ten points of it. */
  showExample() {
    this.board.change(drawnWave());
  }

  /** Empties the board. */
  clear() {
    this.board.change({ points: [], wave: null });
  }

  /** Returns the state as a plain object. */
  plain() {
    const { points, wave, steps } = this.board.state;
    const short = (v) => Number(v.toFixed(3));
    return { points: points.map((p) => p.map(short)), wave, steps };
  }

  /** Makes the state of a plain object; throws an error if it is none. */
  restored({ points, wave, steps }) {
    const numbers = points.flat().concat(wave ? Object.values(wave) : []);
    if (!numbers.every(Number.isFinite)) throw Error();
    return {
      points: points.slice(0, this.limit).map(([x, y]) => inside(x, y)),
      wave: wave && { amplitude: wave.amplitude, phase: wave.phase },
      steps: Math.min(Math.max(0, Math.round(steps)), this.most),
    };
  }

  /** Shows the state and asks for the curves. */
  refresh() {
    this.#draw();
    const { points } = this.board.state;
    if (points === this.#answered) return;
    this.latest.run(() => this.#ask(points));
  }

  async #ask(points) {
    const curves = [];
    const losses = [];
    try {
      // The curve that is shown boldest comes first.
      const { steps } = this.board.state;
      const order = [...new Set([steps, 0, ...Array(this.most + 1).keys()])];
      for (const step of points.length ? order : []) {
        const values = await this.#values(points, step);
        if (this.latest.outdated) return;
        curves[step] = values.slice(0, GRID.length);
        losses[step] = mean(
          points.map(([, y], n) => (values[GRID.length + n] - y) ** 2),
        );
      }
      this.page.error(null);
      this.#answered = points;
    } catch (error) {
      this.page.error(error);
      return;
    }
    [this.#curves, this.#losses] = [curves, losses];
    this.#draw();
  }

  /** Returns the values of the grid, and then those at the points. */
  async #values(points, step) {
    const [xs, ys] = [0, 1].map((axis) => points.map((p) => [p[axis]]));
    const queries = [...GRID.map((x) => [x]), ...xs];
    const rows = [];
    // The server limits queries as it does examples.
    while (rows.length < queries.length) {
      const some = queries.slice(rows.length, rows.length + this.limit);
      const name = this.model.name;
      rows.push(...(await this.client.predict(name, xs, ys, some, step)));
    }
    return rows.map(([y]) => y);
  }

  #draw() {
    const { points, wave, steps } = this.board.state;
    const truth = wave && GRID.map((x) => waveAt(wave, x));
    const curve = (of, values) =>
      svg(`polyline.${of}`, {
        points: values.map((y, n) => [px(GRID[n]), py(y)].join()).join(" "),
      });
    const drawn = [];
    if (truth && this.truth.checked) drawn.push(curve("truth", truth));
    this.#curves.forEach((values, step) => {
      if (step && step < steps) drawn.push(curve("between", values));
    });
    if (this.#curves[0]) drawn.push(curve("before", this.#curves[0]));
    if (this.#curves[steps]) drawn.push(curve("after", this.#curves[steps]));
    for (const [x, y] of points) {
      drawn.push(svg("circle.point", { cx: px(x), cy: py(y), r: 5 }));
    }
    if (this.cursor.shown) {
      const { x, y } = this.cursor;
      drawn.push(svg("circle.cursor", { cx: px(x), cy: py(y), r: 9 }));
    }
    this.plot.replaceChildren(...this.axes, ...drawn);
    this.steps.show(steps);
    this.curve.show(this.#losses, steps);
    this.truthLabel.hidden = !wave;
    this.sentence.textContent = this.#sentence(truth, steps);
  }

  #sentence(truth, steps) {
    const after = this.#losses[steps];
    if (after === undefined) return TODO;
    const words = (before, now, of) =>
      `${of}: ${number(before)} before, ${number(now)} after ${steps} steps.`;
    const error = (step) =>
      mean(this.#curves[step].map((y, n) => (y - truth[n]) ** 2));
    const sentence = words(this.#losses[0], after, "Squared error on the points");
    if (!truth) return sentence;
    return `${sentence} ${words(error(0), error(steps), "To the true wave")}`;
  }

  #addPoint(x, y) {
    const { points } = this.board.state;
    if (points.length >= this.limit) {
      const most = `The server takes ${this.limit} points at most.`;
      this.page.tell(Error(most));
      return;
    }
    this.board.change({ points: [...points, inside(x, y)] });
  }

  #key(event) {
    const { cursor } = this;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in KEYS) {
      const [x, y] = KEYS[event.key];
      [cursor.x, cursor.y] = inside(cursor.x + x, cursor.y + y);
      cursor.shown = true;
      const place = `x ${number(cursor.x)}, y ${number(cursor.y)}`;
      this.spoken.textContent = place;
      this.#draw();
    } else if (event.key === "Enter" || event.key === " ") {
      this.#addPoint(cursor.x, cursor.y);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      const { points } = this.board.state;
      if (points.length) this.board.change({ points: points.slice(0, -1) });
    } else {
      return;
    }
    event.preventDefault();
  }

  #build() {
    this.plot = svg("svg.plot", {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      tabindex: 0,
      role: "application",
      "aria-label": "Points and curves",
      "aria-roledescription": "plot",
      "aria-describedby": "keys",
      onkeydown: (event) => this.#key(event),
      onclick: (event) => {
        const box = this.plot.getBoundingClientRect();
        this.cursor.shown = false;
        this.#addPoint(
          ((event.clientX - box.left) / box.width - 0.5) * 2 * X,
          (0.5 - (event.clientY - box.top) / box.height) * 2 * Y,
        );
      },
    });
    const line = (x1, y1, x2, y2) => svg("line.axis", { x1, y1, x2, y2 });
    const text = (x, y, words) => svg("text", { x, y }, words);
    this.axes = [
      line(0, py(0), WIDTH, py(0)),
      line(px(0), 0, px(0), HEIGHT),
      text(4, py(0) - 5, `x = −${X}`),
      svg(
        "text",
        { x: WIDTH - 4, y: py(0) - 5, "text-anchor": "end" },
        `x = ${X}`,
      ),
      text(px(0) + 5, 18, `y = ${Y}`),
    ];
    this.sentence = element("p.answer.long", { "aria-live": "polite" });
    this.spoken = element("p.spoken", { "aria-live": "polite" });
    this.truth = element("input", {
      type: "checkbox",
      checked: true,
      onchange: () => this.#draw(),
    });
    this.truthLabel = element("label", {}, this.truth, " Show the true wave");
    this.steps = new Steps(this.most, (steps) =>
      this.board.change({ steps }, "steps"),
    );
    this.curve = new Curve(
      "Squared error on your points by gradient step",
      this.most,
    );
    const key = (of, words) =>
      element("span", {}, element(`i.${of}`), ` ${words} `);
    this.element = element(
      "div.two",
      {},
      element(
        "section",
        { "aria-labelledby": "points" },
        element("h2", { id: "points" }, "Points of a wave"),
        element(
          "p.hint",
          { id: "keys" },
          "Click to add a point. By keyboard: arrows move the mark, Enter adds" +
            " a point, Delete removes the last one.",
        ),
        this.plot,
        element(
          "p.legend",
          {},
          key("before", "before"),
          key("between", "each step"),
          key("after", "after"),
          key("truth", "true wave"),
          this.truthLabel,
        ),
        this.spoken,
      ),
      element(
        "section.panel",
        { "aria-labelledby": "answer" },
        element("h2", { id: "answer" }, "Adaptation"),
        this.sentence,
        this.steps.element,
        this.curve.element,
      ),
    );
  }
}

/** Draws a wave of the kind that the network was trained on, and its points. */
function drawnWave() {
  const wave = {
    amplitude: Number((1 + 4 * Math.random()).toFixed(3)),
    phase: Number((Math.PI * Math.random()).toFixed(3)),
  };
  const xs = Array.from({ length: 10 }, () => X * (2 * Math.random() - 1));
  return { wave, points: xs.map((x) => [x, waveAt(wave, x)]) };
}

function waveAt({ amplitude, phase }, x) {
  return amplitude * Math.sin(x - phase);
}

function inside(x, y) {
  const within = (v, most) => Math.min(Math.max(v, -most), most);
  return [within(x, X), within(y, Y)];
}

function px(x) {
  return Number(((WIDTH * (x + X)) / (2 * X)).toFixed(1));
}

function py(y) {
  return Number(((HEIGHT * (Y - y)) / (2 * Y)).toFixed(1));
}

function mean(values) {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
