// How the sum behind a number is shown: one view an operation. Each takes what arithmetic.js found and gives nodes.
import { bracketed, node, number } from "./dom.js";
import { FUNCTIONS } from "./arithmetic.js";
import { reachOf } from "./maps.js";

/** Of a sum's terms so many are written out. */
const SHOWN = 12;

/** `place`: {own: the network's own number, names: of the labels, sourceName(i): of what the layer takes}. */
export function stepView(sum, layer, place) {
  const view = VIEWS[sum.kind];
  if (!view) return [node("p", {}, "This operation is shown, but not taken apart.")];
  return [...view(sum, layer, place), check(sum.result, place.own)];
}

/** Does the sum give the network's own number? */
function check(result, own) {
  const apart = Object.is(result, own) ? 0 : Math.abs(result - own), isSame = apart <= 1e-4 * Math.max(1, Math.abs(own));
  return node("p", { class: isSame ? "check" : "check wrong", "data-apart": apart, "data-own": own, "data-result": result },
    `${isSame ? "✓" : "✗"} The network's own number: `, node("strong", {}, number(own)), ` (${apart === 0 ? "the same" : `${apart.toExponential(1)} apart: it counts in 32 bits, this page in 64`}).`);
}

/** A grid of numbers, coloured by sign and size. null: over the edge. */
export function grid(rows, { label, reach, at = null, isKernel = false }) {
  const most = reach ?? reachOf(rows.flat().map((v) => v ?? 0));
  const cell = (value, i, j) => {
    const share = value === null || !most ? 0 : Math.min(1, Math.abs(value) / most);
    const made = node("td", { class: `${value === null ? "edge" : value < 0 ? "below" : "above"}${at && at[0] === i && at[1] === j ? " at" : ""}` }, value === null ? "0" : number(value));
    made.style.setProperty("--share", `${Math.round(share * 70)}%`);
    return made;
  };
  return node("table", { class: isKernel ? "numbers kernel" : "numbers" }, node("caption", {}, label), node("tbody", {}, rows.map((row, i) => node("tr", {}, row.map((value, j) => cell(value, i, j))))));
}

const times = (a, b) => a.map((row, i) => row.map((value, j) => (value ?? 0) * b[i][j]));
const scroll = (...children) => node("div", { class: "row" }, ...children);
const sign = (text) => node("span", { class: "sign", "aria-hidden": "true" }, text);
const line = (...children) => node("p", { class: "formula" }, ...children);

function convolution(sum) {
  const strongest = [...sum.channels].sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum));
  const body = node("div"), isOne = sum.channels.length === 1, hasEdge = strongest[0].patch.flat().includes(null);
  const show = (one) => {
    body.replaceChildren(scroll(
      grid(one.patch, { label: isOne ? "what lies below the kernel" : `channel ${one.channel} below the kernel` }), sign("×"),
      grid(one.kernel, { label: isOne ? "kernel" : `kernel for channel ${one.channel}`, isKernel: true }), sign("="),
      grid(times(one.patch, one.kernel), { label: "products" }), sign("→"), node("p", { class: "formula" }, `together ${number(one.sum)}`)));
    for (const button of choices.querySelectorAll("button")) button.setAttribute("aria-pressed", String(Number(button.dataset.channel) === one.channel));
  };
  const choices = node("div", { class: "choices", role: "group", "aria-label": "Channel that is written out" },
    isOne ? null : strongest.slice(0, SHOWN).map((one) => node("button", { type: "button", "data-channel": one.channel, onclick: () => show(one) }, `${one.channel}: ${number(one.sum)}`)));
  show(strongest[0]);
  const total = isOne ? `${number(sum.total)}` : `${termsOf(strongest.map((one) => one.sum))} = ${number(sum.total)}`;
  return [
    isOne ? null : node("p", {}, `The kernel looks at ${sum.channels.length} channels. What each adds, the strongest first:`), choices, body,
    hasEdge ? node("p", { class: "note" }, "Hatched: beyond the edge of the map, counted as 0.") : null,
    line(isOne ? "" : `Channels together: ${total}`),
    line(sum.bias === null ? "There is no bias: it stays " : `With the bias: ${number(sum.total)} + ${bracketed(sum.bias)} = `, node("strong", {}, number(sum.result))),
  ].filter(Boolean);
}

/** The first terms of a sum, then how many more there are and what they come to. */
function termsOf(values) {
  const first = values.slice(0, 6), rest = values.slice(6);
  const text = first.map((v, i) => (i ? (v < 0 ? ` − ${number(-v)}` : ` + ${number(v)}`) : number(v))).join("");
  return rest.length ? `${text} + (${rest.length} more: ${number(rest.reduce((a, b) => a + b, 0))})` : text;
}

function maxPool(sum) {
  let at = null;
  sum.patch.forEach((row, i) => row.forEach((value, j) => { if (!at && value === sum.result) at = [i, j]; }));
  return [scroll(grid(sum.patch, { label: "the window", at }), sign("→"), line("the largest: ", node("strong", {}, number(sum.result))))];
}

const averagePool = (sum) => [scroll(grid(sum.patch, { label: "the window" }), sign("→"), line(`${number(sum.total)} / ${sum.count} = `, node("strong", {}, number(sum.result))))];

const batchNorm = (sum) => [
  node("p", {}, "What training saw of this channel: mean and variance. What it learnt: scale and shift."),
  line(`(x − mean) / √(variance + ε) × scale + shift`),
  line(`(${number(sum.x)} − ${bracketed(sum.mean)}) / √(${number(sum.variance)} + ${number(sum.epsilon)}) × ${bracketed(sum.scale)} + ${bracketed(sum.bias)} = `, node("strong", {}, number(sum.result))),
];

function linear(sum, layer, place) {
  const strongest = [...sum.terms].sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
  const rows = strongest.slice(0, SHOWN).map((t) => node("tr", {}, node("td", {}, String(t.index)), node("td", {}, number(t.x)), node("td", {}, number(t.weight)), node("td", {}, number(t.product))));
  return [
    node("p", {}, `${sum.terms.length.toLocaleString("en")} numbers, each with a weight of its own${place.name ? ` for ${place.name}` : ""}. The strongest products:`),
    scroll(node("table", { class: "terms" }, node("thead", {}, node("tr", {}, ["number", "value", "× weight", "= product"].map((t) => node("th", { scope: "col" }, t)))), node("tbody", {}, rows))),
    line(`All together: ${termsOf(strongest.map((t) => t.product))} = ${number(sum.total)}`),
    line(sum.bias === null ? "" : `With the bias: ${number(sum.total)} + ${bracketed(sum.bias)} = `, node("strong", {}, number(sum.result))),
  ];
}

const along = (words) => (sum) => {
  const largest = [...sum.values].sort((a, b) => Math.abs(b) - Math.abs(a));
  return [line(`${sum.count.toLocaleString("en")} numbers: ${termsOf(largest)}`), line(words(sum), node("strong", {}, number(sum.result)))];
};

const both = (symbol) => (sum, layer, place) => [
  line(`${place.sourceName(0) && layer.sources.length === 2 ? `${place.sourceName(0)} ${symbol} ${place.sourceName(1)}: ` : ""}${number(sum.a)} ${symbol} ${bracketed(sum.b)} = `, node("strong", {}, number(sum.result))),
  sum.stored === null ? null : node("p", { class: "note" }, `The ${sum.stored ? "second" : "first"} number is stored with the network.`),
].filter(Boolean);

const applied = (sum, layer) => [line(`${FUNCTIONS[sum.name][1](number(sum.x), layer.settings)} = `, node("strong", {}, number(sum.result)))];

const prelu = (sum) => [line(sum.x < 0 ? `${number(sum.x)} is negative: × ${bracketed(sum.slope)} = ` : `${number(sum.x)} is not negative: it stays `, node("strong", {}, number(sum.result)))];

function softmax(sum, layer, place) {
  const order = sum.values.map((_, i) => i).sort((a, b) => sum.values[b] - sum.values[a]);
  const rows = order.slice(0, SHOWN).map((i) => node("tr", { class: i === sum.index ? "here" : "" }, node("td", {}, place.names[i] ?? String(i)), node("td", {}, number(sum.values[i])), node("td", {}, number(sum.exps[i])), node("td", {}, number(sum.exps[i] / sum.total))));
  return [
    node("p", {}, `Each number is taken away from the largest (${number(sum.highest)}), e is raised to it, and the results are shared out so that they add up to 1.`),
    scroll(node("table", { class: "terms" }, node("thead", {}, node("tr", {}, ["label", "x", "e^(x − largest)", "share"].map((t) => node("th", { scope: "col" }, t)))), node("tbody", {}, rows))),
    line(`e^(${number(sum.values[sum.index])} − ${bracketed(sum.highest)}) / ${number(sum.total)} = ${number(sum.exps[sum.index])} / ${number(sum.total)} = `, node("strong", {}, number(sum.result))),
  ];
}

const moved = (words) => (sum, layer, place) => [
  line(sum.from ? `${words} The number stood in ${place.sourceName(sum.from.source) || "what the layer takes"} at ${sum.from.index.join(", ")}: ` : `${words} This number was added: `, node("strong", {}, number(sum.result))),
];

const VIEWS = {
  convolution, max_pool: maxPool, average_pool: averagePool, batch_norm: batchNorm, linear, softmax, prelu, function: applied,
  mean: along((sum) => `Their mean: ${number(sum.total)} / ${sum.count} = `), sum: along(() => "Their sum: "), maximum: along(() => "The largest: "),
  add: both("+"), subtract: both("−"), multiply: both("×"), divide: both("/"), power: both("to the power of"),
  concatenate: moved("The channels of several layers stand one behind the other."), reshape: moved("The same numbers, laid out in another shape."),
  permute: moved("The same numbers, axes exchanged."), slice: moved("A part is cut out."), pad: moved("Rows and columns are added at the edges."),
};
