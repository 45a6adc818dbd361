// The lens: a photo goes in, every layer can be opened, every number of it worked out.
import { canSum, at, unitSum, unravel } from "./arithmetic.js";
import { $, by, node, number } from "./dom.js";
import { drawColourKernel, drawFrame, drawLarge, drawMap, drawPicture, reachOf } from "./maps.js";
import { drawNetwork, kindWords, markLayer } from "./network.js";
import { startPlayground } from "./playground.js";
import { FileSource, NOT_HERE, Refused, openSource } from "./source.js";
import { stepView } from "./views.js";

/** Channels whose maps are drawn at once. */
const DRAWN = 64;
const source = openSource();
let network = null, seen = null;
/** What is open: the layer, the number of it that is worked out, what it makes and takes, how many channels are drawn. */
let open = null, turn = 0;

const layerOf = (n) => network.layers[n];
const tell = (words, isWrong = false) => { $("told").textContent = words; $("told").classList.toggle("wrong", isWrong); };

async function start() {
  try {
    network = await source.describe();
    $("model").textContent = `${network.model}: ${network.layers.length - 1} layers on one photo, ${network.layers.every((layer) => source.has(layer)) ? "every number worked out" : `the numbers of ${network.layers.filter((layer) => source.has(layer)).length} worked out (the others are too large for this file)`}.${network.unfolded ? "" : " The network is shown as it runs: batch norms may have been folded into convolutions."}`;
    if (source instanceof FileSource) return await look(null);
    const own = await source.ownPhoto();
    if (own) await look(own); else tell("Choose a photo to begin.");
  } catch (error) { refuse(error, start); }
}

async function look(photo) {
  const mine = ++turn;
  tell("looking …");
  try {
    const found = await source.look(photo);
    if (mine !== turn) return;
    seen = found;
    $("inside").hidden = false;
    tell(answerWords(seen.answer));
    drawNetwork(network.layers, seen.layers, (n) => choose(n));
    playground.setPicture(seen.prepared, layerOf(0).shape);
    const begun = open ? open.layer.number : first();
    await choose(begun, open?.unit);
  } catch (error) { if (mine === turn) refuse(error, () => look(photo)); }
}

/** Where to begin: the first convolution whose numbers are there. */
function first() {
  const there = network.layers.filter((layer) => source.has(layer));
  return (there.find((layer) => layer.arithmetic === "convolution") ?? there[0] ?? network.layers[0]).number;
}

function refuse(error, again) {
  tell(error.message, true);
  if (!(error instanceof Refused)) throw error;
  if (!error.needsToken) return;
  $("token-row").hidden = false;
  $("token").focus();
  $("token-row").addEventListener("submit", (event) => { event.preventDefault(); source.token = $("token").value; $("token-row").hidden = true; again(); }, { once: true });
}

/** What an answer is worth that is none. */
const NO_ANSWER = { unknown_place: "A place, and none that it knows; the likeliest would be", not_a_place: "Not a place; the likeliest would be", unknown: "None of its labels; the likeliest would be" };
const nameOf = (label) => network.names[network.labels.indexOf(label)] || label;
const answerWords = (answer) => (answer?.candidates?.length ? `${NO_ANSWER[answer.looked ?? answer.outcome] ?? "The answer"}: ${answer.candidates.map((c) => `${c.name ?? nameOf(c.label)} ${(100 * c.probability).toFixed(1)} %`).join(", ")}` : "");

/** Open a layer. `unit`: the number to work out, if the layer has it; else its largest. */
async function choose(n, unit = null) {
  const layer = layerOf(n), mine = ++turn;
  markLayer(n);
  if (!source.has(layer)) return withoutNumbers(layer);
  try {
    const sources = layer.sources.map(layerOf);
    const [[made, ...inputs], weights] = await Promise.all([source.tensorsOf([layer, ...sources]), source.weightsOf(layer)]);
    if (mine !== turn) return;
    const fits = unit?.length === layer.shape.length && unit.every((i, d) => i < layer.shape[d]);
    open = { layer, made, inputs, weights, unit: fits ? unit : largest(made), reach: reachOf(made.data), drawn: DRAWN };
    about();
    drawChannels();
    showUnit();
  } catch (error) {
    if (mine !== turn) return;
    refuse(error, () => choose(n, unit));
  }
}

/** Of a map the number furthest from zero, of a row (of logits, of shares) the largest. */
function largest({ shape, data }) {
  const size = shape.length === 3 ? Math.abs : (v) => v;
  let best = 0;
  for (let i = 1; i < data.length; i++) if (size(data[i]) > size(data[best])) best = i;
  return unravel(shape, best);
}

/** A layer that was too large to take along: what it is, and no more. */
function withoutNumbers(layer) {
  open = { layer, weights: {}, unit: null };
  about();
  drawPicture($("photo"), seen.prepared, layerOf(0).shape);
  $("photo-words").textContent = $("channel-map-words").textContent = "";
  $("channel-map").hidden = true;
  $("unit").replaceChildren();
  $("channels").replaceChildren();
  $("step").replaceChildren(node("p", { class: "note" }, NOT_HERE));
}

function about() {
  const { layer } = open, glance = seen.layers[layer.number], zeros = glance && glance.zeros > 0.005 ? `, ${Math.round(100 * glance.zeros)} % of them 0` : "";
  const from = layer.sources.map((s) => node("button", { type: "button", class: "link", onclick: () => choose(s) }, s ? `${layerOf(s).name} (${by(layerOf(s).shape)})` : `the photo (${by(layerOf(0).shape)})`));
  $("about").replaceChildren(
    node("h2", {}, layer.number ? kindWords(layer) : "the photo, as numbers"),
    node("p", { class: "name" }, layer.number ? `${layer.name} · ${layer.kind}` : inputWords()),
    from.length ? node("p", {}, "takes ", ...from.flatMap((b, i) => (i ? [" and ", b] : [b])), `, makes ${by(layer.shape)}`) : null,
    node("p", {}, [
      layer.parameters ? `${layer.parameters.toLocaleString("en")} parameters` : null,
      layer.multiply_adds ? `${layer.multiply_adds.toLocaleString("en")} multiplications` : null,
      glance ? `numbers from ${number(glance.low)} to ${number(glance.high)}${zeros}` : null,
    ].filter(Boolean).join(" · ")),
    ...filters(layer));
}

const inputWords = () => `${network.input.width} × ${network.input.height} pixels of 0 to 255, each (value − mean) / deviation, mean ${network.input.mean.map(number).join(", ")}, deviation ${network.input.std.map(number).join(", ")}`;

/** The kernels of a layer that looks at colours can be seen as colours. */
function filters(layer) {
  const { weight } = open.weights;
  if (layer.arithmetic !== "convolution" || !weight || weight.shape[1] !== 3 || weight.shape[2] < 2) return [];
  const [count, , rows, columns] = weight.shape, plane = 3 * rows * columns;
  const pictures = Array.from({ length: Math.min(count, DRAWN) }, (_, k) => {
    const canvas = node("canvas", { class: "filter", "aria-hidden": "true" });
    drawColourKernel(canvas, weight.data.subarray(k * plane, (k + 1) * plane), rows, columns);
    return node("button", { type: "button", title: `kernel ${k}`, "aria-label": `Kernel ${k}`, onclick: () => pick([k, ...open.unit.slice(1)]) }, canvas);
  });
  return [node("details", { open: true }, node("summary", {}, `Its ${count} kernels, in the colours they look for (grey: nothing)`), node("div", { class: "filters" }, pictures))];
}

const isMap = () => open.layer.shape.length === 3;
const channelData = (c) => { const [, h, w] = open.layer.shape; return open.made.data.subarray(c * h * w, (c + 1) * h * w); };

function drawChannels() {
  const { layer } = open;
  if (!isMap()) { drawVector(); return; }
  const [count, height, width] = layer.shape, shown = Math.min(count, open.drawn);
  const buttons = Array.from({ length: shown }, (_, c) => {
    const canvas = node("canvas", { "aria-hidden": "true" });
    drawMap(canvas, channelData(c), height, width, open.reach);
    return node("button", { type: "button", "data-channel": c, "aria-label": `Channel ${c}`, onclick: () => pick([c, ...open.unit.slice(1)]) }, canvas, node("span", {}, String(c)));
  });
  $("channels").replaceChildren(
    node("h3", {}, `${count} channel${count > 1 ? "s" : ""}, on one scale: `, node("span", { class: "scale" }, `−${number(open.reach)}`, node("i", { class: "bar" }), `+${number(open.reach)}`)),
    node("div", { class: "channels" }, buttons),
    shown < count ? node("button", { type: "button", onclick: () => { open.drawn = Math.min(count, 8 * open.drawn); drawChannels(); showUnit(); } }, `Show ${Math.min(count, 8 * open.drawn) - shown} more`) : "");
}

/** A row of numbers: the largest as bars. */
function drawVector() {
  const { layer, made } = open, last = layer.shape[layer.shape.length - 1];
  const order = Array.from(made.data.keys()).sort((a, b) => made.data[b] - made.data[a]).slice(0, 30);
  const names = last === network.names.length ? network.names : [];
  $("channels").replaceChildren(
    node("h3", {}, `${made.data.length.toLocaleString("en")} numbers, the largest first`),
    node("ol", { class: "vector" }, order.map((i) => {
      const bar = node("i", { class: made.data[i] < 0 ? "below" : "above" });
      bar.style.setProperty("--share", `${(100 * Math.abs(made.data[i])) / (open.reach || 1)}%`);
      return node("li", {}, node("button", { type: "button", "data-index": i, onclick: () => pick(unravel(layer.shape, i)) }, node("span", {}, names[i] ?? String(i)), bar, node("span", {}, number(made.data[i]))));
    })));
}

function pick(unit) {
  open.unit = unit;
  showUnit();
}

/** The number that is chosen: where it stands, what it sees, how it comes about. */
function showUnit() {
  const { layer, unit, made, inputs, weights } = open, own = at(made, unit);
  drawPicture($("photo"), seen.prepared, layerOf(0).shape);
  const field = fieldOf(layer, unit);
  if (field) drawFrame($("photo"), field, { dims: true });
  $("photo-words").textContent = field ? `sees ${number(field.width)} × ${number(field.height)} pixels, from column ${number(field.left)}, row ${number(field.top)}` : "sees the whole photo";
  $("channel-map").hidden = !isMap();
  $("channel-map-words").textContent = "";
  if (isMap()) {
    const [, height, width] = layer.shape;
    const values = channelData(unit[0]), reach = reachOf(values), side = drawLarge($("channel-map"), values, height, width, reach);
    if (height * width > 1) drawFrame($("channel-map"), { left: unit[2] * side, top: unit[1] * side, width: side, height: side });
    $("channel-map-words").textContent = `channel ${unit[0]}, on a scale of its own from −${number(reach)} to ${number(reach)}: click a number, or use the arrow keys`;
  }
  for (const button of $("channels").querySelectorAll("[data-channel], [data-index]")) {
    const is = "channel" in button.dataset ? Number(button.dataset.channel) === unit[0] : Number(button.dataset.index) === (unit.length === 1 ? unit[0] : -1);
    button.setAttribute("aria-pressed", String(is));
  }
  unitInputs();
  const place = { own, names: network.names, name: layer.shape.at(-1) === network.names.length ? network.names[unit.at(-1)] : "", sourceName: (i) => (layer.sources[i] === undefined ? "" : layer.sources[i] ? layerOf(layer.sources[i]).name : "the photo") };
  const step = layer.number ? (canSum(layer) ? stepView(unitSum(layer, unit, inputs, weights), layer, place) : stepView({ kind: "other" }, layer, place)) : pixelView(unit, own);
  $("step").replaceChildren(...(place.name ? [node("h3", {}, place.name)] : []), ...step);
}

function pixelView(unit, own) {
  const [channels, , width] = layerOf(0).shape, value = seen.prepared[(unit[1] * width + unit[2]) * channels + unit[0]];
  const mean = network.input.mean[unit[0]], std = network.input.std[unit[0]];
  return [node("p", { class: "formula" }, `(${value} − ${number(mean)}) / ${number(std)} = `, node("strong", {}, number(own)))];
}

/** The same choice by keyboard alone. */
function unitInputs() {
  const { layer, unit } = open, words = isMap() ? ["Channel", "Row", "Column"] : layer.shape.map((_, d) => (layer.shape.length === 1 ? "Number" : `Axis ${d + 1}`));
  $("unit").replaceChildren(...words.map((word, d) => {
    const input = node("input", { type: "number", min: 0, max: layer.shape[d] - 1, value: unit[d] });
    input.addEventListener("change", () => { const v = Math.min(Math.max(0, Math.round(Number(input.value) || 0)), layer.shape[d] - 1); pick(unit.map((old, i) => (i === d ? v : old))); $("unit").querySelectorAll("input")[d].focus(); });
    return node("label", {}, `${word} `, input);
  }));
}

/** Pixels of the photo behind a unit; null where that is all of it. Start and stride as the network's description tells them. */
function fieldOf(layer, unit) {
  const { size, stride, start } = layer.field;
  if (!isMap() || size.includes(null)) return null;
  const [height, width] = size, [row, column] = unit.slice(1);
  return { left: start[1] + (stride[1] ?? 0) * column, top: start[0] + (stride[0] ?? 0) * row, width, height };
}

$("channel-map").addEventListener("click", (event) => {
  const box = $("channel-map").getBoundingClientRect(), [, height, width] = open.layer.shape;
  const place = (position, length, count) => Math.min(count - 1, Math.max(0, Math.floor((position / length) * count)));
  pick([open.unit[0], place(event.clientY - box.top, box.height, height), place(event.clientX - box.left, box.width, width)]);
});
$("channel-map").addEventListener("keydown", (event) => {
  const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  if (!move) return;
  event.preventDefault();
  pick(open.unit.map((v, d) => (d ? Math.min(open.layer.shape[d] - 1, Math.max(0, v + move[d - 1])) : v)));
});

if (source instanceof FileSource) for (const part of document.querySelectorAll("[data-service]")) part.hidden = true;
else {
  $("choose").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", () => { if ($("file").files[0]) look($("file").files[0]); $("file").value = ""; });
  document.addEventListener("paste", (event) => { if (event.clipboardData.files[0]) look(event.clipboardData.files[0]); });
  addEventListener("dragover", (event) => { event.preventDefault(); $("drop").classList.add("over"); });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) $("drop").classList.remove("over"); });
  addEventListener("drop", (event) => { event.preventDefault(); $("drop").classList.remove("over"); if (event.dataTransfer.files[0]) look(event.dataTransfer.files[0]); });
}
const playground = startPlayground();
start();
