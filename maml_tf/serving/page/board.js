// What the visitor made: its present state, undo, and a link that restores it.

const MOST_UNDONE = 200;

/** A state that is replaced, never changed. Dispatches "change". */
export class Board extends EventTarget {
  #past = [];
  #merged = null;

  /** @param {object} state The first state, to which nothing leads back. */
  constructor(state) {
    super();
    this.state = state;
  }

  /**
   * Sets the state.
   * @param {object} changes The parts of the state that change.
   * @param {string|null} merge Changes of the same name, one after the other,
   *     are undone together, such as the letters typed into a field.
   */
  change(changes, merge = null) {
    if (merge === null || merge !== this.#merged) {
      this.#past.push(this.state);
      if (this.#past.length > MOST_UNDONE) this.#past.shift();
    }
    this.#merged = merge;
    this.state = { ...this.state, ...changes };
    this.dispatchEvent(new Event("change"));
  }

  /** Whether there is something to undo. */
  get canUndo() {
    return this.#past.length > 0;
  }

  /** Goes back by one change. */
  undo() {
    if (!this.canUndo) return;
    this.state = this.#past.pop();
    this.#merged = null;
    this.dispatchEvent(new Event("change"));
  }
}

/** Returns a list with one of its items replaced. */
export function replaced(list, index, item) {
  return list.map((old, number) => (number === index ? item : old));
}

/**
 * Writes a model's name and a plain object as the part of a link after "#".
 * @param {string} model The name.
 * @param {object} plain What JSON can hold.
 */
export function linkPart(model, plain) {
  const bytes = new TextEncoder().encode(JSON.stringify(plain));
  const text = Array.from(bytes, (b) => String.fromCharCode(b)).join("");
  const board = btoa(text)
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
  return `#model=${encodeURIComponent(model)}&board=${board}`;
}

/**
 * Reads a link's part.
 * @param {string} part As `linkPart` wrote it.
 * @returns {{model: string?, board: object?}} Null if it is not there; board
 *     is undefined if it cannot be read.
 */
export function readLink(part) {
  const values = new URLSearchParams(part.replace(/^#/, ""));
  const found = { model: values.get("model"), board: null };
  const text = values.get("board");
  if (text !== null) {
    try {
      const letters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
      const bytes = Uint8Array.from(letters, (l) => l.charCodeAt(0));
      found.board = JSON.parse(new TextDecoder().decode(bytes));
    } catch {
      found.board = undefined;
    }
  }
  return found;
}
