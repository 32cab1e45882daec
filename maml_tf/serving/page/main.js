// Starts the page: asks which models there are and shows the one chosen.

import { linkPart, readLink } from "./board.js";
import { Away, Client } from "./client.js";
import { element } from "./elements.js";
import { Pictures } from "./pictures.js";
import { Texts } from "./texts.js";
import { Waves } from "./waves.js";

const VIEWS = { pictures: Pictures, texts: Texts, points: Waves };
const KINDS = { pictures: "pictures", texts: "texts", points: "curves" };
const LINK_DELAY = 400; // Milliseconds; browsers refuse many changes at once.

const at = (id) => document.getElementById(id);
const [main, select] = [at("view"), at("model")];
const client = new Client();
const views = new Map();
const messages = { board: "", answer: "" };
let view = null;
let linkTimer = null;

client.addEventListener("away", () => {
  at("away").textContent =
    "The server does not answer. Your board is kept; this page asks again" +
    " every two seconds.";
  at("away").hidden = false;
});
client.addEventListener("back", () => {
  at("away").hidden = true;
  start();
});

at("example").onclick = () => view?.showExample();
at("undo").onclick = () => view?.board.undo();
at("clear").onclick = () => view?.clear();
at("link").onclick = copyLink;
select.onchange = () => show(select.value, null);
addEventListener("hashchange", () => openLink());
addEventListener("keydown", (event) => {
  const isUndo = (event.ctrlKey || event.metaKey) && event.key === "z";
  if (isUndo && !event.target.matches("input, textarea")) {
    event.preventDefault();
    view?.board.undo();
  }
});
// A file that misses its target must not replace the page.
for (const type of ["dragover", "drop"]) {
  addEventListener(type, (event) => event.preventDefault());
}
start();

/** Asks for the models and shows one; also after the server was away. */
async function start() {
  let models;
  try {
    models = await client.models();
  } catch (error) {
    return say("answer", error);
  }
  say("answer", null);
  if (!models.length) {
    main.replaceChildren(element("p", {}, "This server serves no model."));
    main.setAttribute("aria-busy", "false");
    return;
  }
  start.models = new Map(models.map((model) => [model.name, model]));
  select.replaceChildren(
    ...models.map(({ name, kind }) =>
      element("option", { value: name }, `${name} (${KINDS[kind] ?? "other"})`),
    ),
  );
  if (view && start.models.has(view.model.name)) {
    select.value = view.model.name;
    view.refresh();
  } else {
    openLink();
  }
}

/** Shows what the address names, or the first model that has a view. */
function openLink() {
  if (!start.models) return;
  const link = readLink(location.hash);
  const all = [...start.models.values()];
  const first = all.find(({ kind }) => kind in VIEWS) ?? all[0];
  const isThere = start.models.has(link.model);
  if (view && linkPart(view.model.name, view.plain()) === location.hash) return;
  show(isThere ? link.model : first.name, isThere ? link.board : null);
  if (link.model !== null && !isThere) {
    say("board", Error(`The link's model ${link.model} is not served here.`));
  }
}

/** Shows a model, with a board from a link if there is one. */
function show(name, plain) {
  say("board", null);
  say("answer", null);
  select.value = name;
  at("name").textContent = name;
  const model = start.models.get(name);
  if (!(model.kind in VIEWS)) {
    view = null;
    main.setAttribute("aria-busy", "false");
    main.replaceChildren(
      element(
        "p",
        {},
        "This page has no view for the inputs of this model. Ask it by the" +
          " requests that the documentation describes.",
      ),
    );
    return;
  }
  if (!views.has(name)) {
    const page = {
      error: (error) => say("answer", error),
      tell: (error) => say("board", error),
      busy: (isBusy) => main.setAttribute("aria-busy", isBusy),
    };
    const made = new VIEWS[model.kind](client, model, page);
    made.board.addEventListener("change", () => {
      say("board", null);
      keepLink();
    });
    views.set(name, made);
  }
  view = views.get(name);
  at("example").hidden = !view.hasExample;
  main.replaceChildren(view.element);
  if (plain !== null) {
    try {
      view.board.change(view.restored(plain));
      return;
    } catch {
      const sentence = "The link's board cannot be read, so it is not shown.";
      say("board", Error(sentence));
    }
  }
  view.refresh();
  keepLink();
}

/** Keeps the board in the address, so that a reload shows it again. */
function keepLink() {
  at("undo").disabled = !view.board.canUndo;
  clearTimeout(linkTimer);
  linkTimer = setTimeout(() => {
    const part = linkPart(view.model.name, view.plain());
    history.replaceState(null, "", part);
  }, LINK_DELAY);
}

async function copyLink() {
  if (!view) return;
  history.replaceState(null, "", linkPart(view.model.name, view.plain()));
  const left = JSON.stringify(view.board.state).includes('"picture"')
    ? " Picture files are not in it."
    : "";
  let done = "The link is copied.";
  try {
    await navigator.clipboard.writeText(location.href);
  } catch {
    done = "Copy the link from the address bar: it has the board.";
  }
  say("board", { message: done + left });
}

/**
 * Shows an error in words.
 * @param {string} about "answer": until there is one; "board": until it changes.
 * @param {?Error} error Null takes the last one away.
 */
function say(about, error) {
  if (error instanceof Away) return; // The banner says so.
  messages[about] = error ? error.message : "";
  at("message").textContent = messages.board || messages.answer;
}
