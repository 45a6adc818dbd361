// Convolution of one grey picture by hand. Pure. As everywhere in deep learning the kernel is not turned over: it is a cross-correlation.

/** What stands beyond the edge: words for people, and where to look instead (null: nothing there, so 0; undefined cannot happen with "crop"). */
export const EDGES = {
  zero: ["zeros", () => null],
  crop: ["cropped: the kernel stays inside", (i, n) => (i >= 0 && i < n ? i : null)],
  replicate: ["the last pixel again (extend, replicate)", (i, n) => Math.min(Math.max(i, 0), n - 1)],
  reflect: ["mirrored at the last pixel (reflect)", reflected],
  circular: ["from the other side (circular)", (i, n) => ((i % n) + n) % n],
};

/** ... 2 1 | 0 1 2 | 1 0 ...: the last pixel is not said twice. */
function reflected(i, n) {
  const period = 2 * (n - 1) || 1, place = ((i % period) + period) % period;
  return place < n ? place : period - place;
}

const third = (k) => k.map((row) => row.map((v) => v / 9));

/** name -> [words, kernel of 3 x 3, what is added to see negative results]. */
export const KERNELS = {
  identity: ["nothing (identity)", [[0, 0, 0], [0, 1, 0], [0, 0, 0]]],
  sobel_horizontal: ["Sobel, horizontal edges", [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]],
  sobel_vertical: ["Sobel, vertical edges", [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]],
  scharr_horizontal: ["Scharr, horizontal edges", [[-3, -10, -3], [0, 0, 0], [3, 10, 3]]],
  scharr_vertical: ["Scharr, vertical edges", [[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]]],
  laplacian: ["Laplacian", [[0, -1, 0], [-1, 4, -1], [0, -1, 0]]],
  laplacian_8: ["Laplacian with corners", [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]],
  sharpen: ["sharpen", [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]],
  blur: ["blur (mean)", third([[1, 1, 1], [1, 1, 1], [1, 1, 1]])],
  gaussian: ["blur (Gaussian)", [[1, 2, 1], [2, 4, 2], [1, 2, 1]].map((row) => row.map((v) => v / 16))],
  emboss: ["emboss", [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]],
};

/** A kernel in the middle of a larger one of zeros, or the middle of it in a smaller one. */
export function resized(kernel, side) {
  const shift = Math.floor(kernel.length / 2) - Math.floor(side / 2);
  return Array.from({ length: side }, (_, i) => Array.from({ length: side }, (__, j) => kernel[i + shift]?.[j + shift] ?? 0));
}

/** Pixels added on each side: none when the kernel stays inside, else half its span. */
export const padding = (side, { dilation, edges }) => (edges === "crop" ? 0 : Math.floor((dilation * (side - 1)) / 2));

/** floor((n + 2 padding - dilation (k - 1) - 1) / stride) + 1; 0 when the kernel does not fit. */
export function outputSize(n, side, settings) {
  const free = n + 2 * padding(side, settings) - settings.dilation * (side - 1) - 1;
  return free < 0 ? 0 : Math.floor(free / settings.stride) + 1;
}

/** What lies below the kernel at one stop: rows of numbers; null: beyond the edge, and 0. */
export function patchAt({ data, height, width }, side, settings, row, column) {
  const beyond = EDGES[settings.edges][1], pad = padding(side, settings);
  const look = (i, n) => (i >= 0 && i < n ? i : beyond(i, n));
  return Array.from({ length: side }, (_, i) => {
    const y = look(row * settings.stride - pad + i * settings.dilation, height);
    return Array.from({ length: side }, (__, j) => {
      const x = look(column * settings.stride - pad + j * settings.dilation, width);
      return y === null || x === null ? null : data[y * width + x];
    });
  });
}

/** The whole picture: {data, height, width}. `settings`: {stride, dilation, edges}. */
export function convolve(picture, kernel, settings) {
  const side = kernel.length, height = outputSize(picture.height, side, settings), width = outputSize(picture.width, side, settings);
  const beyond = EDGES[settings.edges][1], pad = padding(side, settings), data = new Float64Array(height * width);
  const places = (count, n) => Array.from({ length: count }, (_, at) => Array.from({ length: side }, (__, i) => {
    const place = at * settings.stride - pad + i * settings.dilation;
    return place >= 0 && place < n ? place : beyond(place, n) ?? -1;
  }));
  const rows = places(height, picture.height), columns = places(width, picture.width);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
    let total = 0;
    for (let i = 0; i < side; i++) for (let j = 0; j < side; j++) {
      if (kernel[i][j] && rows[y][i] >= 0 && columns[x][j] >= 0) total += kernel[i][j] * picture.data[rows[y][i] * picture.width + columns[x][j]];
    }
    data[y * width + x] = total;
  }
  return { data, height, width };
}
