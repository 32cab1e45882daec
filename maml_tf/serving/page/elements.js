// Makes elements. Text is always text, never markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Makes an HTML element.
 * @param {string} tag Its name, with classes after dots: "button.main".
 * @param {object} attributes Attributes; functions become listeners, as in
 *     {onclick: ...}; false and null leave an attribute out.
 * @param {...(Node|string)} children What it contains.
 */
export function element(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElement(name);
  if (classes.length) made.classList.add(...classes);
  return filled(made, attributes, children);
}

/** Makes an SVG element, as `element` does. */
export function svg(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElementNS(SVG, name);
  if (classes.length) made.classList.add(...classes);
  return filled(made, attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      made.addEventListener(name.slice(2), value);
    } else if (value !== false && value != null) {
      made.setAttribute(name, value === true ? "" : value);
    }
  }
  made.append(...children);
  return made;
}
