// Bars of each class's probability, before and after adaptation.

import { element } from "./elements.js";

const QUIET = 700; // Milliseconds before a screen reader is told.

/** A table of bars with a sentence above it. */
export class Bars {
  #rows = [];
  #timer = null;

  constructor() {
    this.sentence = element("p.answer", {}, " ");
    this.spoken = element("p.spoken", { "aria-live": "polite" });
    this.body = element("tbody");
    const column = (text) => element("th", { scope: "col" }, text);
    this.element = element(
      "div.bars",
      {},
      this.sentence,
      this.spoken,
      element(
        "table",
        {},
        element("caption.spoken", {}, "Probability of each class"),
        element(
          "thead",
          {},
          element(
            "tr",
            {},
            column("Class"),
            column("Before"),
            column("After adaptation"),
          ),
        ),
        this.body,
      ),
    );
  }

  /**
   * Shows probabilities.
   * @param {string[]} names The classes.
   * @param {?number[]} before Of each class; null inside: it has no example.
   * @param {?number[]} after The same after adaptation.
   * @param {string} sentence What there is to do, if there is no answer.
   */
  show(names, before, after, sentence = "") {
    while (this.#rows.length > names.length) this.#rows.pop().row.remove();
    while (this.#rows.length < names.length) {
      const made = { name: element("th", { scope: "row" }) };
      made.cells = [cell("before"), cell("after")];
      made.row = element("tr", {}, made.name, ...made.cells.map((c) => c.cell));
      this.#rows.push(made);
      this.body.append(made.row);
    }
    let best = 0;
    for (let i = 1; i < names.length; i++) {
      if ((after?.[i] ?? -1) > (after?.[best] ?? -1)) best = i;
    }
    this.#rows.forEach(({ name, row, cells }, number) => {
      name.textContent = names[number];
      row.classList.toggle("best", Boolean(after) && number === best);
      [before, after].forEach((values, which) => {
        const value = values?.[number];
        const { fill, text } = cells[which];
        fill.style.width = `${100 * (value ?? 0)}%`;
        text.textContent = value == null ? "–" : percent(value);
      });
    });
    if (after) sentence = `${names[best]}: ${percent(after[best])}`;
    this.sentence.textContent = sentence;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.spoken.textContent = sentence;
    }, QUIET);
  }
}

function cell(kind) {
  const fill = element("span.fill");
  const text = element("span.number");
  const track = element("span.track", {}, fill);
  return { fill, text, cell: element(`td.${kind}`, {}, track, text) };
}

function percent(value) {
  return `${Math.round(100 * value)} %`;
}
