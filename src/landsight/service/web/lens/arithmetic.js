// The sum behind one number of one layer, from what the layer took and the numbers it stores. Pure: no page, no network.
//
// unitSum(layer, unit, inputs, weights) -> {kind, result, ...}. `layer` as /v1/lens describes it; `unit`: where the number stands in the layer's
// output, [channel, row, column] or [index]; `inputs`: [{shape, data}], one a source; `weights`: {role: {shape, data}}. Sums are made in
// double precision: they differ from the network's own, which are made in single precision, by rounding alone.

/** Row-major place of an index. */
export function offset(shape, index) {
  let place = 0;
  for (let d = 0; d < shape.length; d++) place = place * shape[d] + index[d];
  return place;
}

/** The index of a place. */
export function unravel(shape, place) {
  const index = new Array(shape.length);
  for (let d = shape.length - 1; d >= 0; d--) { index[d] = place % shape[d]; place = Math.floor(place / shape[d]); }
  return index;
}

export const at = (tensor, index) => tensor.data[offset(tensor.shape, index)];

export function unitSum(layer, unit, inputs, weights) {
  const make = SUMS[layer.arithmetic];
  return make ? { kind: layer.arithmetic, ...make(layer.settings, unit, inputs, weights, layer) } : { kind: "other", result: null };
}

export const canSum = (layer) => layer.arithmetic in SUMS;

/** Rows of what the window covers; null where it hangs over the edge. */
function windowOf(input, channel, settings, unit) {
  const [height, width] = input.shape.slice(1), [rows, columns] = settings.kernel;
  const top = unit[1] * settings.stride[0] - settings.padding[0], left = unit[2] * settings.stride[1] - settings.padding[1];
  const patch = [];
  for (let i = 0; i < rows; i++) {
    const row = [], y = top + i * settings.dilation[0];
    for (let j = 0; j < columns; j++) {
      const x = left + j * settings.dilation[1];
      row.push(y >= 0 && y < height && x >= 0 && x < width ? at(input, [channel, y, x]) : null);
    }
    patch.push(row);
  }
  return { patch, top, left };
}

function convolution(settings, unit, [input], weights) {
  const [kernels, depth, rows, columns] = weights.weight.shape;
  const first = Math.floor(unit[0] / (kernels / settings.groups)) * depth;
  const channels = [];
  let total = 0;
  for (let k = 0; k < depth; k++) {
    const seen = windowOf(input, first + k, settings, unit), kernel = [];
    let sum = 0;
    for (let i = 0; i < rows; i++) {
      kernel.push([]);
      for (let j = 0; j < columns; j++) {
        const weight = at(weights.weight, [unit[0], k, i, j]);
        kernel[i].push(weight);
        sum += weight * (seen.patch[i][j] ?? 0);
      }
    }
    channels.push({ channel: first + k, ...seen, kernel, sum });
    total += sum;
  }
  const bias = weights.bias ? at(weights.bias, [unit[0]]) : null;
  return { channels, total, bias, result: total + (bias ?? 0) };
}

function pooled(settings, unit, [input]) {
  return windowOf(input, unit[0], settings, unit);
}

function maxPool(settings, unit, inputs) {
  const seen = pooled(settings, unit, inputs), values = seen.patch.flat().filter((v) => v !== null);
  return { ...seen, result: Math.max(...values) };
}

function averagePool(settings, unit, inputs) {
  const seen = pooled(settings, unit, inputs), values = seen.patch.flat().filter((v) => v !== null);
  const count = settings.counts_padding ? seen.patch.flat().length : values.length, total = values.reduce((a, b) => a + b, 0);
  return { ...seen, total, count, result: total / count };
}

function batchNorm(settings, unit, [input], weights) {
  const x = at(input, unit), [mean, variance, scale, bias] = ["mean", "variance", "scale", "bias"].map((role) => weights[role].data[unit[0]]);
  return { x, mean, variance, scale, bias, epsilon: settings.epsilon, result: ((x - mean) / Math.sqrt(variance + settings.epsilon)) * scale + bias };
}

function linear(settings, unit, [input], weights) {
  const output = unit[unit.length - 1], before = unit.slice(0, -1), length = input.shape[input.shape.length - 1];
  const terms = [];
  let total = 0;
  for (let i = 0; i < length; i++) {
    const x = at(input, [...before, i]), weight = at(weights.weight, settings.rows_are_outputs ? [output, i] : [i, output]);
    terms.push({ index: i, x, weight, product: x * weight });
    total += x * weight;
  }
  const bias = weights.bias ? weights.bias.data[weights.bias.data.length > 1 ? output : 0] : null;
  return { terms, total, bias, result: total + (bias ?? 0) };
}

/** Everything along some axes. Axes count the batch, units and shapes do not. */
function along(settings, unit, [input], layer) {
  const axes = settings.axes.map((a) => a - 1), isKept = layer.shape.length === input.shape.length;
  const left = [...unit], fixed = input.shape.map((_, d) => (axes.includes(d) ? (isKept && left.shift(), null) : left.shift()));
  const free = axes.map((d) => input.shape[d]), count = free.reduce((a, b) => a * b, 1), values = [];
  for (let place = 0; place < count; place++) {
    const inside = unravel(free, place), index = [...fixed];
    axes.forEach((d, i) => { index[d] = inside[i]; });
    values.push(at(input, index));
  }
  return values;
}

function mean(settings, unit, inputs, _, layer) {
  const values = along(settings, unit, inputs, layer), total = values.reduce((a, b) => a + b, 0);
  return { values, total, count: values.length, result: total / values.length };
}

function sum(settings, unit, inputs, _, layer) {
  const values = along(settings, unit, inputs, layer), total = values.reduce((a, b) => a + b, 0);
  return { values, total, count: values.length, result: total };
}

function maximum(settings, unit, inputs, _, layer) {
  const values = along(settings, unit, inputs, layer);
  return { values, count: values.length, result: values.reduce((a, b) => Math.max(a, b), -Infinity) };
}

/** The number that meets the unit when a smaller shape is stretched over a larger one. */
function stretched(tensor, unit) {
  const shape = tensor.shape.slice(-unit.length || tensor.shape.length);
  if (tensor.data.length === 1) return tensor.data[0];
  const index = unit.slice(unit.length - shape.length).map((i, d) => (shape[d] === 1 ? 0 : i));
  return tensor.data[offset(shape, index)];
}

const BOTH = {
  add: (a, b) => a + b, subtract: (a, b) => a - b, multiply: (a, b) => a * b, divide: (a, b) => a / b, power: (a, b) => a ** b,
};

const both = (name) => (settings, unit, inputs, weights) => {
  const given = [...inputs];
  if (settings.stored !== null) given.splice(settings.stored, 0, weights.number);
  // The same tensor on both sides is one source.
  const [a, b] = [given[0], given[1] ?? given[0]].map((tensor) => stretched(tensor, unit));
  return { a, b, stored: settings.stored, result: BOTH[name](a, b) };
};

/** Abramowitz and Stegun 7.1.26 is too coarse (1.5e-7 of 1): a series where it converges fast, a continued fraction beyond. */
export function erf(x) {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  if (size < 2.5) {
    let term = x, total = x;
    for (let n = 1; n < 60 && Math.abs(term) > 1e-17; n++) { term *= (-x * x) / n; total += term / (2 * n + 1); }
    return (2 / Math.sqrt(Math.PI)) * total;
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (size + fraction);
  return Math.sign(x) * (1 - Math.exp(-x * x) / (Math.sqrt(Math.PI) * (size + fraction)));
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const clamp = (x, low, high) => Math.min(Math.max(x, low ?? -Infinity), high ?? Infinity);

/** name -> [function, formula with the number put in]. */
export const FUNCTIONS = {
  relu: [(x) => Math.max(0, x), (x) => `max(0, ${x})`],
  clip: [(x, s) => clamp(x, s.min, s.max), (x, s) => `${x}, kept from ${s.min ?? "−∞"} to ${s.max ?? "∞"}`],
  leaky_relu: [(x, s) => (x < 0 ? s.alpha * x : x), (x, s) => `${x}, times ${s.alpha} where it is negative`],
  sigmoid: [sigmoid, (x) => `1 / (1 + e^−(${x}))`],
  tanh: [Math.tanh, (x) => `tanh(${x})`],
  exp: [Math.exp, (x) => `e^(${x})`],
  sqrt: [Math.sqrt, (x) => `√(${x})`],
  negative: [(x) => -x, (x) => `−(${x})`],
  absolute: [Math.abs, (x) => `|${x}|`],
  erf: [erf, (x) => `erf(${x})`],
  softplus: [(x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), (x) => `ln(1 + e^(${x}))`],
  elu: [(x, s) => (x < 0 ? s.alpha * Math.expm1(x) : x), (x, s) => `${x}, or ${s.alpha} (e^x − 1) where it is negative`],
  celu: [(x, s) => Math.max(0, x) + Math.min(0, s.alpha * Math.expm1(x / s.alpha)), (x, s) => `max(0, x) + min(0, ${s.alpha} (e^(x / ${s.alpha}) − 1)), x = ${x}`],
  selu: [(x, s) => s.gamma * (x > 0 ? x : s.alpha * Math.expm1(x)), (x, s) => `${s.gamma.toFixed(4)} times ${x}, or times ${s.alpha.toFixed(4)} (e^x − 1) where it is negative`],
  hard_sigmoid: [(x, s) => clamp(s.alpha * x + s.beta, 0, 1), (x, s) => `${s.alpha.toFixed(4)} × ${x} + ${s.beta}, kept from 0 to 1`],
  hard_swish: [(x) => x * clamp(x / 6 + 0.5, 0, 1), (x) => `x × (x / 6 + ½, kept from 0 to 1), x = ${x}`],
  mish: [(x) => x * Math.tanh(Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))), (x) => `x tanh(ln(1 + e^x)), x = ${x}`],
};

function applied(settings, unit, [input]) {
  const x = at(input, unit);
  return { x, name: settings.name, result: FUNCTIONS[settings.name][0](x, settings) };
}

function prelu(_, unit, [input], weights) {
  const x = at(input, unit), slope = stretched(weights.slope, unit);
  return { x, slope, result: x < 0 ? slope * x : x };
}

function softmax(_, unit, [input]) {
  const index = unit[unit.length - 1], before = unit.slice(0, -1), length = input.shape[input.shape.length - 1];
  const values = Array.from({ length }, (__, i) => at(input, [...before, i]));
  const highest = values.reduce((a, b) => Math.max(a, b), -Infinity), exps = values.map((v) => Math.exp(v - highest));
  const total = exps.reduce((a, b) => a + b, 0);
  return { index, values, highest, exps, total, result: exps[index] / total };
}

/** Steps that only move numbers: where this one comes from (`source`: which input; null: it was made up at an edge). */
const moved = (from) => (settings, unit, inputs, weights, layer) => {
  const { source = 0, index, value } = from(settings, unit, inputs, layer);
  return index ? { from: { source, index }, result: at(inputs[source], index) } : { from: null, result: value };
};

function concatenated(settings, unit, inputs) {
  const axis = settings.axis - 1, index = [...unit];
  let source = 0;
  while (index[axis] >= inputs[source].shape[axis]) { index[axis] -= inputs[source].shape[axis]; source += 1; }
  return { source, index };
}

function padded(settings, unit, [input]) {
  const index = [];
  for (let d = 0; d < unit.length; d++) {
    const n = input.shape[d];
    let i = unit[d] - settings.before[d + 1];
    if (i < 0 || i >= n) {
      if (settings.mode === "constant") return { value: settings.value };
      if (settings.mode === "edge") i = clamp(i, 0, n - 1);
      else if (settings.mode === "wrap") i = ((i % n) + n) % n;
      else { const period = 2 * (n - 1) || 1; i = ((i % period) + period) % period; if (i >= n) i = period - i; }
    }
    index.push(i);
  }
  return { index };
}

const SUMS = {
  convolution, max_pool: maxPool, average_pool: averagePool, batch_norm: batchNorm, linear, mean, sum, maximum, prelu, softmax, function: applied,
  ...Object.fromEntries(Object.keys(BOTH).map((name) => [name, both(name)])),
  concatenate: moved(concatenated),
  reshape: moved((_, unit, [input], layer) => ({ index: unravel(input.shape, offset(layer.shape, unit)) })),
  permute: moved((settings, unit) => {
    const index = [];
    settings.order.slice(1).forEach((d, i) => { index[d - 1] = unit[i]; });
    return { index };
  }),
  slice: moved((settings, unit) => ({ index: unit.map((i, d) => settings.start[d + 1] + i * settings.step[d + 1]) })),
  pad: moved(padded),
};
