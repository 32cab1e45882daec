// The view of models of pictures: classes to draw, and a question.

import { Answers } from "./answers.js";
import { Board, replaced } from "./board.js";
import { element } from "./elements.js";
import { EXAMPLES } from "./examples.js";
import { readPicture, takeFiles } from "./files.js";
import { Pad } from "./pad.js";
import { Steps, firstSteps, mostSteps } from "./steps.js";
import { picture, read, written } from "./strokes.js";

const [FEWEST, USUAL, MOST] = [2, 5, 10];
const NAME_LENGTH = 24;
const NOTHING = { strokes: [] };
const TODO = "Draw the question, and an example of two or more classes.";

/** Classes, a question and its answer for one model. */
export class Pictures {
  #shownExample = -1;

  /**
   * @param {Client} client The server.
   * @param {object} model Its description.
   * @param {object} page As in `Answers`.
   */
  constructor(client, model, page) {
    this.model = model;
    this.page = page;
    this.isInk = model.ink ?? model.channels === 1;
    this.most = Math.min(MOST, model.classes?.most ?? MOST);
    this.answers = new Answers(client, model, page);
    this.board = new Board(this.#empty());
    this.cards = [];
    this.hasExample = this.isInk;
    this.#build();
    this.board.addEventListener("change", () => this.refresh());
    if (this.hasExample) this.board.state = this.#example(0);
  }

  /** Fills the board; each time with another question. */
  showExample() {
    this.board.change(this.#example(this.#shownExample + 1));
  }

  /** Empties the board. */
  clear() {
    this.board.change(this.#empty());
  }

  /** Returns the state as a plain object; picture files are left out. */
  plain() {
    const { classes, question, steps } = this.board.state;
    const text = ({ strokes }) => (strokes ? written(strokes) : "");
    return {
      classes: classes.map(({ name, examples }) => [
        name,
        ...examples.map(text),
      ]),
      question: text(question),
      steps,
    };
  }

  /** Makes the state of a plain object; throws an error if it is none. */
  restored({ classes, question, steps }) {
    if (classes.length < FEWEST || classes.length > this.most) throw Error();
    const drawing = (text) => ({ strokes: read(text) });
    return {
      classes: classes.map(([name, ...examples]) => ({
        name: String(name).slice(0, NAME_LENGTH),
        examples: examples.length ? examples.map(drawing) : [NOTHING],
      })),
      question: drawing(question),
      steps: Math.min(Math.max(0, Math.round(steps)), mostSteps(this.model)),
    };
  }

  /** Shows the state and asks for its answer. */
  refresh() {
    const { classes, question, steps } = this.board.state;
    while (this.cards.length > classes.length) {
      this.cards.pop().element.remove();
    }
    while (this.cards.length < classes.length) {
      const card = new Card(this, this.cards.length);
      this.cards.push(card);
      this.list.insertBefore(card.element, this.add);
    }
    this.cards.forEach((card, n) => card.show(classes[n], classes.length));
    this.add.hidden = classes.length >= this.most;
    this.pad.show(question);
    showSmall(this.seen, question);
    this.steps.show(steps);
    this.answers.ask(
      classes.map(({ name }) => name),
      classes.map(({ examples }) =>
        examples.filter(isDrawn).map((drawing) => request(drawing)),
      ),
      isDrawn(question) ? request(question) : null,
      steps,
      this.isInk ? TODO : TODO.replace("Draw the question", "Give a question"),
    );
  }

  /** Changes one class. */
  changeClass(number, changes, merge) {
    const { classes } = this.board.state;
    const changed = { ...classes[number], ...changes };
    this.board.change({ classes: replaced(classes, number, changed) }, merge);
  }

  /** Reads files and hands over their drawings; says what cannot be read. */
  async files(files, ontake) {
    try {
      const read = files.map((file) => readPicture(file, this.isInk));
      const pictures = await Promise.all(read);
      this.page.tell(null);
      ontake(pictures.map((made) => ({ picture: made })));
    } catch (error) {
      this.page.tell(error);
    }
  }

  /** Whether another example is within the server's limit; says so if not. */
  hasRoom(examples = 1) {
    const most = this.model.limits?.examples ?? 100;
    const { classes } = this.board.state;
    const now = classes.reduce((sum, c) => sum + c.examples.length, 0);
    const fits = now + examples <= most;
    if (!fits) {
      this.page.tell(Error(`The server takes ${most} examples at most.`));
    }
    return fits;
  }

  #empty() {
    const names = Array.from({ length: USUAL }, (_, n) => `class ${n + 1}`);
    return {
      classes: names.map((name) => ({ name, examples: [NOTHING] })),
      question: NOTHING,
      steps: this.board?.state.steps ?? firstSteps(this.model),
    };
  }

  #example(number) {
    this.#shownExample = number;
    const questions = EXAMPLES.flatMap(({ questions }) => questions);
    // Neighbours are of different classes.
    const question = questions[(number * 3) % questions.length];
    return {
      classes: EXAMPLES.map(({ name, example }) => ({
        name,
        examples: [{ strokes: example }],
      })),
      question: { strokes: question },
      steps: this.board.state.steps,
    };
  }

  #build() {
    const { board } = this;
    this.add = element(
      "button.add",
      {
        onclick: () => {
          const { classes } = board.state;
          const name = `class ${classes.length + 1}`;
          const made = { name, examples: [NOTHING] };
          board.change({ classes: [...classes, made] });
        },
      },
      "Add a class",
    );
    this.list = element("div.cards", {}, this.add);
    this.pad = new Pad("Question", this.isInk, (strokes) =>
      board.change({ question: { strokes } }, `question ${strokes.length}`),
    );
    this.seen = element("canvas.small", {
      role: "img",
      "aria-label": "The question as the network gets it",
    });
    this.steps = new Steps(mostSteps(this.model), (steps) =>
      board.change({ steps }, "steps"),
    );
    const question = element(
      "div.question",
      {},
      this.pad.element,
      element(
        "div.side",
        {},
        this.seen,
        element("span.hint", {}, "as the network gets it"),
        fileButton("a question", false, (files) => this.#question(files)),
        element(
          "button",
          {
            "aria-label": "Erase the question",
            onclick: () => board.change({ question: NOTHING }),
          },
          "Erase",
        ),
      ),
    );
    takeFiles(question, (files) => this.#question(files));
    this.element = element(
      "div.two",
      {},
      element(
        "section",
        { "aria-labelledby": "classes" },
        element("h2", { id: "classes" }, "Classes"),
        element(
          "p.hint",
          { id: "keys" },
          this.isInk
            ? "Draw with a mouse, a pen or a finger, or drop pictures. By" +
                " keyboard: arrows move the pen, Space puts it down and lifts" +
                " it, Delete erases."
            : "Drop or paste photographs, or choose files.",
        ),
        this.list,
      ),
      element(
        "section.panel",
        { "aria-labelledby": "question" },
        element("h2", { id: "question" }, "Question"),
        question,
        this.answers.bars.element,
        this.steps.element,
        this.answers.curve.element,
      ),
    );
  }

  #question(files) {
    this.files(files.slice(0, 1), ([question]) =>
      this.board.change({ question }),
    );
  }
}

/** One class: its name, a paper for an example, and the other examples. */
class Card {
  #shown = null;
  #selected = 0;

  constructor(view, number) {
    this.view = view;
    this.number = number;
    this.name = element("input.name", {
      "aria-label": `Name of class ${number + 1}`,
      maxlength: NAME_LENGTH,
      oninput: () =>
        view.changeClass(number, { name: this.name.value }, `name ${number}`),
    });
    this.remove = element(
      "button.quiet",
      { onclick: () => this.#remove() },
      "×",
    );
    this.pad = new Pad("", view.isInk, (strokes) => {
      const merge = `${number} ${this.#selected} ${strokes.length}`;
      this.#change({ strokes }, merge);
    });
    this.others = element("div.others", {
      role: "group",
      "aria-label": `Examples of class ${number + 1}`,
    });
    this.another = element(
      "button",
      {
        onclick: () => {
          if (!view.hasRoom()) return;
          const { examples } = this.#shown;
          this.#selected = examples.length;
          view.changeClass(number, { examples: [...examples, NOTHING] });
        },
      },
      "+",
    );
    this.erase = element("button", { onclick: () => this.#erase() }, "Erase");
    const files = fileButton(`class ${number + 1}`, true, (f) => this.#take(f));
    this.element = element(
      "section.card",
      { "aria-label": `Class ${number + 1}` },
      element("div.row", {}, this.name, this.remove),
      this.pad.element,
      this.others,
      element("div.row", {}, this.another, files, this.erase),
    );
    takeFiles(this.element, (f) => this.#take(f));
  }

  show(shown, classes) {
    this.remove.disabled = classes <= FEWEST;
    if (shown === this.#shown && this.drawn === this.#selected) return;
    const { name, examples } = shown;
    this.#shown = shown;
    this.#selected = Math.min(this.#selected, examples.length - 1);
    this.drawn = this.#selected;
    if (this.name.value !== name) this.name.value = name;
    this.remove.setAttribute("aria-label", `Remove the class ${name}`);
    this.erase.setAttribute("aria-label", `Erase this example of ${name}`);
    this.another.setAttribute("aria-label", `Another example of ${name}`);
    this.pad.label = `Example ${this.#selected + 1} of ${name}`;
    this.pad.show(examples[this.#selected]);
    this.others.hidden = examples.length < 2;
    while (this.others.children.length > examples.length) {
      this.others.lastChild.remove();
    }
    while (this.others.children.length < examples.length) {
      const index = this.others.children.length;
      this.others.append(
        element(
          "button",
          {
            "aria-label": `Example ${index + 1}`,
            onclick: () => {
              this.#selected = index;
              this.show(this.#shown, classes);
            },
          },
          element("canvas.small"),
        ),
      );
    }
    examples.forEach((drawing, index) => {
      const button = this.others.children[index];
      button.setAttribute("aria-pressed", index === this.#selected);
      showSmall(button.firstChild, drawing);
    });
  }

  #change(drawing, merge = null) {
    const examples = replaced(this.#shown.examples, this.#selected, drawing);
    this.view.changeClass(this.number, { examples }, merge);
  }

  #erase() {
    const { examples } = this.#shown;
    if (examples.length === 1) return this.#change(NOTHING);
    const left = examples.filter((_, index) => index !== this.#selected);
    this.view.changeClass(this.number, { examples: left });
  }

  #remove() {
    const { board } = this.view;
    const classes = board.state.classes.filter((_, n) => n !== this.number);
    board.change({ classes });
  }

  #take(files) {
    this.view.files(files, (drawings) => {
      const kept = this.#shown.examples.filter(isDrawn);
      if (!this.view.hasRoom(kept.length + drawings.length
          - this.#shown.examples.length)) return;
      this.#selected = kept.length + drawings.length - 1;
      this.view.changeClass(this.number, { examples: [...kept, ...drawings] });
    });
  }
}

function fileButton(of, several, ontake) {
  const input = element("input", {
    type: "file",
    accept: "image/*",
    multiple: several,
    "aria-label": `Picture files for ${of}`,
    onchange: () => {
      ontake([...input.files]);
      input.value = "";
    },
  });
  return element("label.button", {}, "File", input);
}

function isDrawn({ strokes, picture: made }) {
  return Boolean(made) || strokes.length > 0;
}

function canvasOf(drawing) {
  return drawing.picture ?? picture(drawing.strokes);
}

const requests = new WeakMap();

/**
 * Returns a drawing as a request has it: a PNG file in base64. The file is made
 * when a request is written, which not every change has.
 */
function request(drawing) {
  if (!requests.has(drawing)) {
    let b64 = null;
    const toJSON = () => {
      b64 ??= canvasOf(drawing).toDataURL("image/png").split(",")[1];
      return { b64 };
    };
    requests.set(drawing, { toJSON });
  }
  return requests.get(drawing);
}

function showSmall(canvas, drawing) {
  canvas.width = canvas.height = 2 * 48;
  if (!isDrawn(drawing)) return;
  const context = canvas.getContext("2d");
  context.drawImage(canvasOf(drawing), 0, 0, canvas.width, canvas.height);
}
