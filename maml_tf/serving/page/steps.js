// The slider of gradient steps.

import { element } from "./elements.js";

/** The most steps that the slider offers for a model. */
export function mostSteps(model) {
  return Math.min(10, model.limits?.steps ?? 10);
}

/** The steps at which the slider of a model begins. */
export function firstSteps(model) {
  return Math.min(model.steps ?? 5, mostSteps(model));
}

/** A slider with its value. */
export class Steps {
  /**
   * @param {number} most Its right end.
   * @param {(steps: number) => void} onchange Told the value.
   */
  constructor(most, onchange) {
    this.value = element("output", { for: "steps" });
    this.input = element("input", {
      id: "steps",
      type: "range",
      min: 0,
      max: most,
      step: 1,
      oninput: () => onchange(Number(this.input.value)),
    });
    this.element = element(
      "p.steps",
      {},
      element("label", { for: "steps" }, "Gradient steps"),
      this.input,
      this.value,
    );
  }

  /** Shows a value. */
  show(steps) {
    this.input.value = steps;
    this.value.textContent = steps;
  }
}
