// A class-activation map over a thumbnail: rows of numbers from 0 to 1, drawn smooth, from nothing to orange, on the part that was looked at.

/** `map`: {grid, box}; the box is left, top, right, bottom in parts of the picture. What lies outside it was not looked at, and is dimmed. */
export function drawHeat(canvas, map) {
  const { grid, box: [left, top, right, bottom] } = map, rows = grid.length, columns = grid[0].length;
  const small = document.createElement("canvas");
  small.width = columns;
  small.height = rows;
  const pixels = new ImageData(columns, rows);
  grid.flat().forEach((value, i) => pixels.data.set([255, 110 - 60 * value, 20, 210 * value], 4 * i));
  small.getContext("2d").putImageData(pixels, 0, 0);
  const context = canvas.getContext("2d"), { width, height } = canvas;
  const at = [left * width, top * height, (right - left) * width, (bottom - top) * height];
  context.clearRect(0, 0, width, height);
  context.fillStyle = "#000a";
  context.fillRect(0, 0, width, height);
  context.clearRect(...at);
  context.imageSmoothingQuality = "high";
  context.drawImage(small, ...at);
}
