// Numbers as pictures. One scale for all channels of a layer: blue below zero, orange above, the ground colour at zero.

const BELOW = [38, 110, 200], ABOVE = [226, 106, 14];

/** Of the page's theme: what zero looks like. */
function ground() {
  const text = getComputedStyle(document.documentElement).getPropertyValue("--zero").trim();
  return [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16));
}

/** Values of a map (h, w) on a canvas of that size. `reach`: the largest distance from zero that is drawn in full colour. */
export function drawMap(canvas, values, height, width, reach) {
  canvas.width = width;
  canvas.height = height;
  const pixels = new ImageData(width, height), zero = ground(), most = reach || 1;
  for (let i = 0; i < values.length; i++) {
    const share = Math.min(1, Math.abs(values[i]) / most), end = values[i] < 0 ? BELOW : ABOVE;
    for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = zero[c] + (end[c] - zero[c]) * share;
    pixels.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

/** As `drawMap`, each value as a square of several pixels, so that a thin frame around one of them can be drawn. Returns the side of a square. */
export function drawLarge(canvas, values, height, width, reach) {
  const small = document.createElement("canvas"), side = Math.max(1, Math.ceil(336 / Math.max(height, width)));
  drawMap(small, values, height, width, reach);
  canvas.width = width * side;
  canvas.height = height * side;
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  return side;
}

/** Distance from zero that all but a hundredth of the values keep within: a bright edge does not take the colour from all else. */
export function usualReach(values) {
  const sizes = Float64Array.from(values, Math.abs).sort();
  return sizes[Math.floor(0.99 * (sizes.length - 1))] || sizes[sizes.length - 1];
}

export const reachOf = (values) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);

/** Bytes from a layer's low to its high, as the overview has them. */
export function drawGlance(canvas, map, low, high) {
  const bytes = atob(map.pixels), values = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) values[i] = low + ((high - low) * bytes.charCodeAt(i)) / 255;
  drawMap(canvas, values, map.height, map.width, Math.max(Math.abs(low), Math.abs(high)));
}

/** A prepared picture, rows of pixels of 1 or 3 channels, in its colours. */
export function drawPicture(canvas, bytes, [channels, height, width]) {
  canvas.width = width;
  canvas.height = height;
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = bytes[i * channels + (channels === 3 ? c : 0)];
    pixels.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

/** A kernel on three channels in colour: grey is zero, red weighs red. */
export function drawColourKernel(canvas, data, rows, columns) {
  canvas.width = columns;
  canvas.height = rows;
  const most = reachOf(data) || 1, pixels = new ImageData(columns, rows), plane = rows * columns;
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = 128 + (127 * data[c * plane + i]) / most;
    pixels.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

/** A frame around what a unit sees; positions in pixels of the canvas, which may lie outside of it. `dims`: all else is darkened. */
export function drawFrame(canvas, { left, top, width, height }, { dims = false } = {}) {
  const context = canvas.getContext("2d"), line = Math.max(1, canvas.width / 112);
  const [x, y] = [Math.max(0, left), Math.max(0, top)];
  const [right, bottom] = [Math.min(canvas.width, left + width), Math.min(canvas.height, top + height)];
  if (right <= x || bottom <= y) return;
  if (dims) {
    context.fillStyle = "rgb(0 0 0 / 45%)";
    context.beginPath();
    context.rect(0, 0, canvas.width, canvas.height);
    context.rect(x, y, right - x, bottom - y);
    context.fill("evenodd");
  }
  context.lineWidth = line;
  context.strokeStyle = "#ffb000";
  context.strokeRect(x - line / 2, y - line / 2, right - x + line, bottom - y + line);
}
