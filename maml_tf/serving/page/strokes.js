// Drawings as strokes of a pen, and the pictures that the network gets.
//
// A stroke is a list of points [x, y] on a paper of 105 x 105. Strokes are
// kept, not pixels, so a drawing is drawn again as Omniglot's are: measured on
// 1,900 of its drawings, lines are 5 wide, the longer side is 69 (median), and
// the middle of the drawing is the middle of the paper to within a twentieth.

export const PAPER = 105;
export const PEN = 5;
const LONGER_SIDE = 69;
const MOST_ENLARGED = 4; // A dot stays a dot.
const TOLERANCE = 0.5;

const pictures = new WeakMap();

/**
 * Returns the picture of strokes, centred and of the trained size and width.
 * @param {Array} strokes They must not change afterwards.
 * @returns {HTMLCanvasElement} 105 x 105, dark ink on white.
 */
export function picture(strokes) {
  if (!pictures.has(strokes)) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = PAPER;
    // Without alpha, so that its file has no such channel to decode.
    const context = canvas.getContext("2d", {
      alpha: false,
      willReadFrequently: true,
    });
    context.fillStyle = "#fff";
    context.fillRect(0, 0, PAPER, PAPER);
    const xs = strokes.flat().map(([x]) => x);
    const ys = strokes.flat().map(([, y]) => y);
    const [left, right] = [Math.min(...xs), Math.max(...xs)];
    const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
    const longer = Math.max(right - left, bottom - top);
    const scale = Math.min((LONGER_SIDE - PEN) / longer, MOST_ENLARGED);
    const centred = strokes.map((stroke) =>
      stroke.map(([x, y]) => [
        PAPER / 2 + scale * (x - (left + right) / 2),
        PAPER / 2 + scale * (y - (top + bottom) / 2),
      ]),
    );
    ink(context, centred, 1);
    pictures.set(strokes, canvas);
  }
  return pictures.get(strokes);
}

/**
 * Draws strokes as they are.
 * @param {CanvasRenderingContext2D} context Where.
 * @param {Array} strokes What.
 * @param {number} scale Pixels of the canvas for one of the paper.
 */
export function ink(context, strokes, scale) {
  context.lineWidth = PEN * scale;
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = "#000";
  for (const stroke of strokes) {
    context.beginPath();
    context.moveTo(scale * stroke[0][0], scale * stroke[0][1]);
    // A line to itself makes a dot of a single point.
    for (const [x, y] of stroke) context.lineTo(scale * x, scale * y);
    context.stroke();
  }
}

/** Leaves out points that lie on the line (Douglas and Peucker, 1973). */
export function simplified(stroke) {
  if (stroke.length < 3) return stroke;
  const [[x0, y0], [x1, y1]] = [stroke[0], stroke.at(-1)];
  const length = Math.hypot(x1 - x0, y1 - y0);
  let [far, distance] = [0, 0];
  stroke.forEach(([x, y], number) => {
    const away = length
      ? Math.abs((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) / length
      : Math.hypot(x - x0, y - y0);
    if (away > distance) [far, distance] = [number, away];
  });
  if (distance <= TOLERANCE) return [stroke[0], stroke.at(-1)];
  const first = simplified(stroke.slice(0, far + 1));
  return [...first.slice(0, -1), ...simplified(stroke.slice(far))];
}

/** Rounds a stroke to halves, as links have them. */
export function rounded(stroke) {
  return stroke.map((point) => point.map((v) => Math.round(2 * v) / 2));
}

/** Writes strokes as text for a link: two letters a number, a comma between. */
export function written(strokes) {
  const half = (value) => Math.round(2 * value).toString(36).padStart(2, "0");
  return strokes
    .map((stroke) => stroke.map(([x, y]) => half(x) + half(y)).join(""))
    .join(",");
}

/** Reads what `written` wrote; throws an error if it did not. */
export function read(text) {
  if (!/^(([0-9a-z]{4})+(,|$))*$/.test(text)) throw new Error("strokes");
  const number = (letters) => Math.min(parseInt(letters, 36) / 2, PAPER);
  return text
    .split(",")
    .filter(Boolean)
    .map((stroke) =>
      stroke
        .match(/.{4}/g)
        .map((p) => [number(p.slice(0, 2)), number(p.slice(2))]),
    );
}
