// Asks for the answers of a classifier: bars at once, the loss after them.

import { Bars } from "./bars.js";
import { Latest } from "./client.js";
import { Curve } from "./curve.js";
import { mostSteps } from "./steps.js";

const CALM = 250; // Milliseconds without a change before the loss is asked for.
const LEAST = 1e-7; // A probability of 0 has no logarithm.

/** The bars and the curve for one model. */
export class Answers {
  #timer = null;
  #busy = 0;
  #losses = [];
  #support = [];

  /**
   * @param {Client} client The server.
   * @param {object} model Its description.
   * @param {object} page Has functions: error, told an answer's error or null;
   *     tell, told what is wrong with the board; busy, told whether answers are
   *     outstanding.
   */
  constructor(client, model, page) {
    this.client = client;
    this.model = model;
    this.page = page;
    this.bars = new Bars();
    this.curve = new Curve(
      "Loss on your examples by gradient step",
      mostSteps(model),
    );
    const count = (busy) => {
      this.#busy += busy ? 1 : -1;
      page.busy(this.#busy > 0);
    };
    this.latest = new Latest(count);
    this.latestLosses = new Latest(count);
  }

  /**
   * Asks, shows, and keeps what is shown until the next answer.
   * @param {string[]} names The classes.
   * @param {Array[]} examples Each class's examples, as the request has them.
   * @param {*} question The question as the request has it; null if none.
   * @param {number} steps Gradient steps.
   * @param {string} todo What to do while something is missing.
   */
  ask(names, examples, question, steps, todo) {
    // Labels count the classes that have examples.
    const shown = names.map((_, n) => n).filter((n) => examples[n].length);
    const x = shown.flatMap((n) => examples[n]);
    const y = shown.flatMap((n, label) => examples[n].map(() => label));
    const changed = performance.now();
    // Each example and its label.
    const support = x.flatMap((one, n) => [one, y[n]]);
    if (!isSame(support, this.#support)) {
      this.#support = support;
      this.#losses = [];
    }
    this.curve.show(this.#losses, steps);
    clearTimeout(this.#timer);
    if (shown.length < 2 || question === null) {
      this.latest.run(async () => this.bars.show(names, null, null, todo));
    } else {
      this.latest.run(() =>
        this.#try(async () => {
          const ask = async (count) => {
            const [row] = await this.#predict(x, y, [question], count);
            return names.map((_, n) => row[shown.indexOf(n)] ?? null);
          };
          const [before, after] = await Promise.all([ask(0), ask(steps)]);
          this.bars.show(names, before, after);
          performance.measure("change to bars", { start: changed });
        }),
      );
    }
    if (shown.length >= 2 && this.#losses.length <= this.curve.most) {
      this.#timer = setTimeout(() => this.#askLosses(x, y, steps), CALM);
    }
    this.steps = steps;
  }

  #askLosses(x, y) {
    const losses = (this.#losses = []);
    this.latestLosses.run(() =>
      this.#try(async () => {
        for (let step = 0; step <= this.curve.most; step++) {
          const rows = await this.#predict(x, y, x, step);
          // The examples have changed meanwhile.
          if (losses !== this.#losses) return;
          const logs = rows.map((row, n) => Math.log(Math.max(row[y[n]], LEAST)));
          losses.push(-logs.reduce((a, b) => a + b, 0) / logs.length);
          this.curve.show(losses, this.steps);
        }
      }),
    );
  }

  #predict(x, y, queries, steps) {
    return this.client.predict(this.model.name, x, y, queries, steps);
  }

  async #try(job) {
    try {
      await job();
      this.page.error(null);
    } catch (error) {
      this.page.error(error);
    }
  }
}

function isSame(list, other) {
  return list.length === other.length && list.every((v, n) => v === other[n]);
}
