// Asks the server, in the requests of TensorFlow Serving.

const TIMEOUT = 30_000; // Milliseconds for an answer.
const POLL = 2_000; // Milliseconds between questions whether it is back.
const TRIES = 5; // How often a busy server is asked.

/** The server answered with a sentence that says what is wrong. */
export class Refusal extends Error {}

/** The server cannot be reached. */
export class Away extends Error {}

/** Asks one server. Dispatches "away" and "back". */
export class Client extends EventTarget {
  #away = false;

  /** Returns the descriptions of the models, as /v1/models lists them. */
  async models() {
    return (await this.#ask("/v1/models")).models;
  }

  /**
   * Adapts to a support set and predicts.
   * @param {string} model The model's name.
   * @param {Array} supportX Examples.
   * @param {Array} supportY Their labels from 0, or values.
   * @param {Array} queryX Questions.
   * @param {number} steps Gradient steps; 0 predicts before adaptation.
   * @returns {Promise<Array>} An array of outputs for each question.
   */
  async predict(model, supportX, supportY, queryX, steps) {
    const answer = await this.#ask(
      `/v1/models/${encodeURIComponent(model)}:predict`,
      {
        signature_name: "adapt_and_predict_with_steps",
        inputs: {
          support_x: supportX,
          support_y: supportY,
          query_x: queryX,
          steps,
        },
      },
    );
    return answer.outputs;
  }

  async #ask(path, body, tries = TRIES) {
    const request = { signal: AbortSignal.timeout(TIMEOUT) };
    if (body) {
      request.method = "POST";
      request.headers = { "Content-Type": "application/json" };
      request.body = JSON.stringify(body);
    }
    let response;
    let answer;
    try {
      response = await fetch(path, request);
      answer = await response.json();
    } catch (error) {
      if (error.name === "TimeoutError") {
        throw new Refusal("The server takes too long. Try fewer examples.");
      }
      // A proxy before the server answers with a page of its own.
      if (!response || response.status >= 500) this.#leave();
      throw new Away("The server does not answer.");
    }
    if (response.status === 503 && tries > 1) {
      const seconds = Number(response.headers.get("Retry-After")) || 1;
      await pause(1000 * Math.min(seconds, 3));
      return this.#ask(path, body, tries - 1);
    }
    if (!response.ok) {
      throw new Refusal(answer.error ?? `The server said ${response.status}.`);
    }
    return answer;
  }

  async #leave() {
    if (this.#away) return;
    this.#away = true;
    this.dispatchEvent(new Event("away"));
    while (this.#away) {
      await pause(POLL);
      try {
        const signal = AbortSignal.timeout(POLL);
        this.#away = !(await fetch("/healthz", { signal })).ok;
      } catch {
        // Still away.
      }
    }
    this.dispatchEvent(new Event("back"));
  }
}

/** Waits for a number of milliseconds. */
export function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/**
 * Runs one job at a time. A job that comes meanwhile replaces the one that
 * waits, so the latest wins and the server never has a queue.
 */
export class Latest {
  #running = false;
  #next = null;

  /** @param {(busy: boolean) => void} onbusy Told when work begins or ends. */
  constructor(onbusy = () => {}) {
    this.onbusy = onbusy;
  }

  /** Whether a newer job waits, for a job that can stop between its parts. */
  get outdated() {
    return this.#next !== null;
  }

  /** @param {() => Promise} job Its errors are its own to catch. */
  async run(job) {
    this.#next = job;
    if (this.#running) return;
    this.#running = true;
    this.onbusy(true);
    try {
      while (this.#next) {
        const now = this.#next;
        this.#next = null;
        await now();
      }
    } finally {
      this.#running = false;
      this.onbusy(false);
    }
  }
}
