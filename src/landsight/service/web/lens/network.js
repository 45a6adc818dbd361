// The network as a list of layers, top to bottom as they run, with wires for what skips a layer. Every row is as high as the next, so that
// wires can be drawn from numbers alone.
import { $, by, node } from "./dom.js";
import { drawGlance } from "./maps.js";

const ROW = 56, LANE = 9, NEAR = 14;

/** Draw all layers; `choose(number)` is called when one is chosen. */
export function drawNetwork(layers, glances, choose) {
  const list = $("list"), lanes = wired(layers);
  $("layers").style.setProperty("--wires", `${NEAR + lanes.count * LANE + 6}px`);
  list.replaceChildren(...layers.map((layer) => row(layer, glances[layer.number], choose)));
  list.onkeydown = walk;
  drawWires(layers, lanes);
}

/** A network of a hundred layers is one stop of the Tab key: inside, arrow keys go from layer to layer, Enter opens one. */
function walk(event) {
  const buttons = [...$("list").querySelectorAll("button")], at = buttons.indexOf(document.activeElement);
  const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (to === undefined || at < 0) return;
  event.preventDefault();
  if (!buttons[to]) return;
  for (const button of buttons) button.tabIndex = -1;
  buttons[to].tabIndex = 0;
  buttons[to].focus();
}

export function markLayer(number) {
  for (const button of $("list").querySelectorAll("button")) {
    const is = Number(button.dataset.number) === number;
    button.setAttribute("aria-current", is ? "true" : "false");
    button.tabIndex = is ? 0 : -1;
    if (is) button.scrollIntoView({ block: "nearest" });
  }
}

function row(layer, glance, choose) {
  const maps = (glance?.maps || []).slice(0, 3).map((map) => {
    const canvas = node("canvas", { class: "glance", "aria-hidden": "true" });
    drawGlance(canvas, map, glance.low, glance.high);
    return canvas;
  });
  const words = node("span", { class: "words" },
    node("span", { class: "kind" }, kindWords(layer)),
    node("span", { class: "name" }, layer.number ? layer.name : "what the network is given"),
    node("span", { class: "shape" }, by(layer.shape).replaceAll(" ", "\u2009"), layer.parameters ? ` · ${layer.parameters.toLocaleString("en")} param.` : ""));
  return node("li", {}, node("button", { type: "button", "data-number": layer.number, onclick: () => choose(layer.number) }, words, ...maps));
}

const KINDS = {
  picture: "the photo", max_pool: "max pooling", average_pool: "average pooling", batch_norm: "batch norm", linear: "fully connected", mean: "global average pooling",
  sum: "sum", maximum: "global max pooling", add: "sum", subtract: "difference", multiply: "product", divide: "division", power: "power", prelu: "PReLU", softmax: "softmax",
  concatenate: "concatenation", reshape: "reshape", permute: "transpose", slice: "slice", pad: "padding",
};
const FUNCTION_NAMES = { relu: "ReLU", clip: "clip", leaky_relu: "leaky ReLU", sigmoid: "sigmoid", tanh: "tanh", hard_swish: "hard swish", hard_sigmoid: "hard sigmoid", elu: "ELU", celu: "CELU", selu: "SELU", mish: "Mish", softplus: "softplus" };

export function kindWords(layer) {
  const { settings } = layer;
  if (layer.arithmetic === "convolution") {
    const each = settings.groups > 1 ? (settings.groups === layer.shape[0] ? ", depthwise" : `, ${settings.groups} groups`) : "";
    return `convolution ${settings.kernel.join("×")}${settings.stride[0] > 1 ? `, stride ${settings.stride[0]}` : ""}${settings.dilation[0] > 1 ? `, dilation ${settings.dilation[0]}` : ""}${each}`;
  }
  if (layer.arithmetic === "max_pool" || layer.arithmetic === "average_pool") return `${KINDS[layer.arithmetic]} ${settings.kernel.join("×")}, stride ${settings.stride[0]}`;
  if (layer.arithmetic === "function" && settings.name === "clip" && settings.min === 0 && settings.max === 6) return "ReLU6";
  if (layer.arithmetic === "function") return FUNCTION_NAMES[settings.name] || settings.name;
  if (layer.arithmetic === "add" && layer.sources.length === 2) return "skip connection: sum";
  return KINDS[layer.arithmetic] || layer.kind;
}

/** Each wire that skips a layer gets a lane of its own while it runs; short ones lie inside. */
function wired(layers) {
  const wires = layers.flatMap((layer, at) => layer.sources.filter((source) => source !== at - 1).map((source) => ({ from: source, to: at })));
  wires.sort((a, b) => a.to - a.from - (b.to - b.from));
  const lanes = [];
  for (const wire of wires) {
    let lane = 0;
    while (lanes[lane]?.some((other) => wire.from < other.to && other.from < wire.to)) lane += 1;
    (lanes[lane] ||= []).push(wire);
    wire.lane = lane;
  }
  return { wires, count: lanes.length };
}

function drawWires(layers, { wires, count }) {
  const svg = $("wires"), width = NEAR + count * LANE + 6, height = layers.length * ROW, x = width - NEAR / 2;
  svg.setAttribute("width", width);
  svg.setAttribute("height", height);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const middle = (at) => at * ROW + ROW / 2;
  const draw = (kind, d) => { const path = document.createElementNS("http://www.w3.org/2000/svg", "path"); path.setAttribute("d", d); path.setAttribute("class", kind); return path; };
  const straight = layers.filter((layer, at) => layer.sources.includes(at - 1)).map((layer) => draw("plain", `M${x} ${middle(layer.number - 1)}V${middle(layer.number)}`));
  const skips = wires.map(({ from, to, lane }) => {
    const far = x - 8 - lane * LANE, [a, b] = [middle(from) + 6, middle(to) - 6];
    return draw("skip-wire", `M${x} ${a}C${far} ${a} ${far} ${a} ${far} ${a + 14}V${b - 14}C${far} ${b} ${far} ${b} ${x} ${b}`);
  });
  const dots = layers.map((layer, at) => draw("dot", `M${x - 3} ${middle(at)}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0`));
  svg.replaceChildren(...straight, ...skips, ...dots);
}
