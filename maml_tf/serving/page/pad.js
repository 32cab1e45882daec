// A paper to draw on with a mouse, a pen, a finger or the keyboard.

import { element } from "./elements.js";
import { ink, PAPER, rounded, simplified } from "./strokes.js";

const MOVES = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
const STEP = 3; // Of the paper's 105, for an arrow key.
const CLOSEST = 0.4; // Nearer points are left out.

/** A canvas that shows a drawing and reports changes of it. */
export class Pad {
  #drawing = [];
  #open = null; // The stroke that is being drawn.
  #pointer = null;
  #pen = { x: PAPER / 2, y: PAPER / 2, shown: false };

  /**
   * @param {string} label What it is, for screen readers.
   * @param {boolean} draws Whether one may draw; otherwise it only shows.
   * @param {(strokes: Array, isDone: boolean) => void} onchange Told the
   *     strokes at each change; isDone at the end of a stroke.
   */
  constructor(label, draws, onchange) {
    this.onchange = onchange;
    this.element = element("canvas.pad", {
      tabindex: 0,
      role: draws ? "application" : "img",
      "aria-label": label,
      "aria-roledescription": draws ? "drawing paper" : null,
      "aria-describedby": draws ? "keys" : null,
    });
    if (draws) {
      const listen = (type, f) => this.element.addEventListener(type, f);
      listen("pointerdown", (event) => this.#down(event));
      listen("pointermove", (event) => this.#move(event));
      for (const type of ["pointerup", "pointercancel"]) {
        listen(type, (event) => this.#up(event));
      }
      listen("keydown", (event) => this.#key(event));
      listen("blur", () => this.#lift());
    }
    new ResizeObserver(() => this.#paint()).observe(this.element);
  }

  /** Changes the label. */
  set label(text) {
    this.element.setAttribute("aria-label", text);
  }

  /**
   * Shows a drawing.
   * @param {{strokes?: Array, picture?: HTMLCanvasElement}} drawing What.
   */
  show(drawing) {
    if (this.shown === drawing) return;
    this.shown = drawing;
    this.#drawing = drawing.strokes ?? [];
    this.#paint();
  }

  #place(event) {
    const box = this.element.getBoundingClientRect();
    return [
      (PAPER * (event.clientX - box.left)) / box.width,
      (PAPER * (event.clientY - box.top)) / box.height,
    ].map((v) => Math.min(Math.max(v, 0), PAPER));
  }

  #down(event) {
    if (this.#pointer !== null || event.button !== 0) return;
    this.#lift();
    this.#pen.shown = false;
    this.#pointer = event.pointerId;
    this.element.setPointerCapture(event.pointerId);
    this.#begin(this.#place(event));
  }

  #move(event) {
    if (event.pointerId !== this.#pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) {
      this.#go(this.#place(each));
    }
    this.#report(false);
  }

  #up(event) {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = null;
    this.#lift();
  }

  #key(event) {
    const pen = this.#pen;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in MOVES) {
      const [x, y] = MOVES[event.key];
      const step = event.shiftKey ? 1 : STEP;
      pen.shown = true;
      pen.x = Math.min(Math.max(pen.x + step * x, 0), PAPER);
      pen.y = Math.min(Math.max(pen.y + step * y, 0), PAPER);
      if (this.#open) {
        this.#go([pen.x, pen.y]);
        this.#report(false);
      }
      this.#paint();
    } else if (event.key === " " || event.key === "Enter") {
      pen.shown = true;
      if (this.#open) this.#lift();
      else this.#begin([pen.x, pen.y]);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.#open = null;
      this.onchange([], true);
    } else {
      return;
    }
    event.preventDefault();
  }

  #begin(point) {
    this.#open = [point];
    this.before = this.#drawing;
    this.#report(false);
  }

  #go(point) {
    const [x, y] = this.#open.at(-1);
    if (Math.hypot(point[0] - x, point[1] - y) < CLOSEST) return;
    this.#open.push(point);
  }

  #lift() {
    if (!this.#open) return;
    this.#report(true);
    this.#open = null;
    this.#paint();
  }

  #report(isDone) {
    const open = isDone ? rounded(simplified(this.#open)) : [...this.#open];
    this.onchange([...this.before, open], isDone);
  }

  #paint() {
    const canvas = this.element;
    const size = Math.round(canvas.clientWidth * devicePixelRatio);
    if (!size) return;
    if (canvas.width !== size) canvas.width = canvas.height = size;
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, size, size);
    if (this.shown?.picture) {
      context.drawImage(this.shown.picture, 0, 0, size, size);
    }
    const scale = size / PAPER;
    ink(context, this.#drawing, scale);
    if (this.#pen.shown) {
      context.beginPath();
      context.arc(this.#pen.x * scale, this.#pen.y * scale, 4 * scale, 0, 7);
      context.lineWidth = scale;
      context.strokeStyle = this.#open ? "#c22" : "#2357c5";
      context.stroke();
    }
  }
}
