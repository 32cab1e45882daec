// The view of models of texts: sentences of each label, and a question.

import { Answers } from "./answers.js";
import { Board, replaced } from "./board.js";
import { element } from "./elements.js";
import { Steps, firstSteps, mostSteps } from "./steps.js";

const [FEWEST, USUAL, MOST] = [2, 3, 10];
const SENTENCES = 5; // Of a label at most.
const NAME_LENGTH = 40;
const TEXT_LENGTH = 2000;
const TODO = "Type a question, and a sentence for two or more labels.";

const EXAMPLE = {
  classes: [
    {
      name: "weather",
      text:
        "will it rain tomorrow\nhow is the weather today\n" +
        "is it going to snow this week",
    },
    {
      name: "alarm",
      text:
        "wake me up at seven\nset an alarm for noon\n" +
        "i need an alarm at 6 am",
    },
    {
      name: "money",
      text:
        "how much money is in my account\nshow me my bank balance\n" +
        "what is the balance of my savings",
    },
    {
      name: "music",
      text:
        "play some music\nput on my favorite song\n" +
        "i want to hear a song",
    },
  ],
  questions: [
    "is it cold outside today",
    "can you wake me tomorrow at eight",
    "do i have enough money in the bank",
    "please play a song i like",
  ],
};

/** Labels, a question and its answer for one model. */
export class Texts {
  #shownExample = -1;

  /** Arguments as of `Pictures`. */
  constructor(client, model, page) {
    this.model = model;
    this.page = page;
    this.most = Math.min(MOST, model.classes?.most ?? MOST);
    this.answers = new Answers(client, model, page);
    this.board = new Board(this.#empty());
    this.fields = [];
    this.hasExample = true;
    this.#build();
    this.board.addEventListener("change", () => this.refresh());
    this.board.state = this.#example(0);
  }

  /** Fills the board; each time with another question. */
  showExample() {
    this.board.change(this.#example(this.#shownExample + 1));
  }

  /** Empties the board. */
  clear() {
    this.board.change(this.#empty());
  }

  /** Returns the state as a plain object. */
  plain() {
    const { classes, question, steps } = this.board.state;
    return { classes: classes.map((c) => [c.name, c.text]), question, steps };
  }

  /** Makes the state of a plain object; throws an error if it is none. */
  restored({ classes, question, steps }) {
    if (classes.length < FEWEST || classes.length > this.most) throw Error();
    return {
      classes: classes.map(([name, text]) => ({
        name: String(name).slice(0, NAME_LENGTH),
        text: String(text).slice(0, TEXT_LENGTH),
      })),
      question: String(question).slice(0, TEXT_LENGTH),
      steps: Math.min(Math.max(0, Math.round(steps)), mostSteps(this.model)),
    };
  }

  /** Shows the state and asks for its answer. */
  refresh() {
    const { classes, question, steps } = this.board.state;
    while (this.fields.length > classes.length) {
      this.fields.pop().element.remove();
    }
    while (this.fields.length < classes.length) {
      const field = this.#field(this.fields.length);
      this.fields.push(field);
      this.list.insertBefore(field.element, this.add);
    }
    this.fields.forEach(({ name, text, note, remove }, number) => {
      const shown = classes[number];
      if (name.value !== shown.name) name.value = shown.name;
      if (text.value !== shown.text) text.value = shown.text;
      text.setAttribute("aria-label", `Sentences of ${shown.name}`);
      remove.setAttribute("aria-label", `Remove the label ${shown.name}`);
      remove.disabled = classes.length <= FEWEST;
      note.hidden = sentences(shown.text, Infinity).length <= SENTENCES;
    });
    this.add.hidden = classes.length >= this.most;
    if (this.question.value !== question) this.question.value = question;
    this.steps.show(steps);
    this.answers.ask(
      classes.map(({ name }) => name),
      classes.map(({ text }) => sentences(text, SENTENCES)),
      question.trim() || null,
      steps,
      TODO,
    );
  }

  #empty() {
    const names = Array.from({ length: USUAL }, (_, n) => `label ${n + 1}`);
    return {
      classes: names.map((name) => ({ name, text: "" })),
      question: "",
      steps: this.board?.state.steps ?? firstSteps(this.model),
    };
  }

  #example(number) {
    this.#shownExample = number;
    const { classes, questions } = EXAMPLE;
    const question = questions[number % questions.length];
    return { classes, question, steps: this.board.state.steps };
  }

  #field(number) {
    const change = (changes, merge) => {
      const { classes } = this.board.state;
      const changed = { ...classes[number], ...changes };
      const merged = `${merge} ${number}`;
      this.board.change(
        { classes: replaced(classes, number, changed) },
        merged,
      );
    };
    const name = element("input.name", {
      "aria-label": `Name of label ${number + 1}`,
      maxlength: NAME_LENGTH,
      oninput: () => change({ name: name.value }, "name"),
    });
    const text = element("textarea", {
      rows: 3,
      maxlength: TEXT_LENGTH,
      placeholder: "one sentence a line",
      oninput: () => change({ text: text.value }, "text"),
    });
    const remove = element(
      "button.quiet",
      {
        onclick: () => {
          const { classes } = this.board.state;
          this.board.change({ classes: classes.filter((_, n) => n !== number) });
        },
      },
      "×",
    );
    const note = element(
      "p.hint",
      { hidden: true },
      `The first ${SENTENCES} sentences count.`,
    );
    const made = element(
      "section.card",
      { "aria-label": `Label ${number + 1}` },
      element("div.row", {}, name, remove),
      text,
      note,
    );
    return { element: made, name, text, note, remove };
  }

  #build() {
    this.add = element(
      "button.add",
      {
        onclick: () => {
          const { classes } = this.board.state;
          const made = { name: `label ${classes.length + 1}`, text: "" };
          this.board.change({ classes: [...classes, made] });
        },
      },
      "Add a label",
    );
    this.list = element("div.cards.wide", {}, this.add);
    this.question = element("textarea.ask", {
      rows: 2,
      maxlength: TEXT_LENGTH,
      "aria-labelledby": "question",
      oninput: () =>
        this.board.change({ question: this.question.value }, "question"),
    });
    this.steps = new Steps(mostSteps(this.model), (steps) =>
      this.board.change({ steps }, "steps"),
    );
    this.element = element(
      "div.two",
      {},
      element(
        "section",
        { "aria-labelledby": "classes" },
        element("h2", { id: "classes" }, "Labels"),
        element("p.hint", {}, "One to five sentences for each, one a line."),
        this.list,
      ),
      element(
        "section.panel",
        { "aria-labelledby": "question" },
        element("h2", { id: "question" }, "Question"),
        this.question,
        this.answers.bars.element,
        this.steps.element,
        this.answers.curve.element,
      ),
    );
  }
}

function sentences(text, most) {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter(Boolean).slice(0, most);
}
