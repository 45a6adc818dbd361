// A class-activation map over a thumbnail: rows of numbers from 0 to 1, drawn smooth, from nothing to orange.

/** `box`: which part of the photo the map covers, in shares of its sides: left, top, right, bottom. The canvas has the photo's shape. */
export function drawHeat(canvas, grid, [left, top, right, bottom] = [0, 0, 1, 1]) {
  const rows = grid.length, columns = grid[0].length, { width, height } = canvas;
  const small = document.createElement("canvas");
  small.width = columns;
  small.height = rows;
  const pixels = new ImageData(columns, rows);
  grid.flat().forEach((value, i) => pixels.data.set([255, 110 - 60 * value, 20, 210 * value], 4 * i));
  small.getContext("2d").putImageData(pixels, 0, 0);
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(small, left * width, top * height, (right - left) * width, (bottom - top) * height);
}
