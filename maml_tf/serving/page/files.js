// Pictures from files: chosen, dropped or pasted.

import { PAPER } from "./strokes.js";

const PHOTOGRAPH = 160; // Pixels a side; networks see fewer.

/**
 * Lets an element take picture files.
 * @param {Element} target Where they are dropped, or pasted when it has focus.
 * @param {(files: File[]) => void} ontake What happens with them.
 */
export function takeFiles(target, ontake) {
  target.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    target.classList.add("over");
  });
  target.addEventListener("dragleave", () => target.classList.remove("over"));
  target.addEventListener("drop", (event) => {
    target.classList.remove("over");
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    ontake([...event.dataTransfer.files]);
  });
  target.addEventListener("paste", (event) => {
    if (!event.clipboardData?.files.length) return;
    event.preventDefault();
    ontake([...event.clipboardData.files]);
  });
}

/**
 * Reads a picture file.
 * @param {File} file PNG, JPEG or what else the browser knows.
 * @param {boolean} isInk Whether it is a drawing, which stays whole on white
 *     paper; a photograph is cropped to its middle square.
 * @returns {Promise<HTMLCanvasElement>} The picture, a square.
 */
export async function readPicture(file, isInk) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error(
      `${file.name || "The pasted file"}: it is not a picture that this` +
        " browser can read; give a PNG or JPEG file.",
    );
  }
  const size = isInk ? PAPER : PHOTOGRAPH;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, size, size);
  const { width, height } = bitmap;
  const fit = isInk ? Math.max : Math.min;
  const scale = size / fit(width, height);
  context.drawImage(
    bitmap,
    (size - scale * width) / 2,
    (size - scale * height) / 2,
    scale * width,
    scale * height,
  );
  return canvas;
}
