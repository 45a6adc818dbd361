// The kernel playground: any kernel on any picture, one stop at a time or all at once.
import { $, node, number } from "./dom.js";
import { EDGES, KERNELS, convolve, outputSize, padding, patchAt, resized } from "./kernels.js";
import { drawFrame, drawMap, reachOf, usualReach } from "./maps.js";
import { grid } from "./views.js";

/** Longer side of a picture that is chosen here: large enough to see, small enough to follow the typing. */
const SIDE = 320;

export function startPlayground() {
  let picture = gradient(), kernel = KERNELS.sobel_horizontal[1], made = null, unit = [0, 0];
  const settings = () => ({ stride: whole("kernel-stride"), dilation: whole("kernel-dilation"), edges: $("kernel-edges").value });
  const tellTaken = () => { $("kernel-told").textContent = ["kernel-stride", "kernel-dilation"].map(taken).filter(Boolean).join(" "); };

  function draw() {
    const chosen = settings(), side = kernel.length;
    const [height, width] = [outputSize(picture.height, side, chosen), outputSize(picture.width, side, chosen)];
    formula(chosen, height, width);
    const fits = height > 0 && width > 0;
    $("kernel-after").hidden = !fits;
    if (!fits) { $("kernel-step").replaceChildren(); $("kernel-after-words").textContent = ""; drawGrey($("kernel-before"), picture); return; }
    made = convolve(picture, kernel, chosen);
    unit = [Math.min(unit[0], height - 1), Math.min(unit[1], width - 1)];
    drawUnit();
  }

  function drawUnit() {
    const chosen = settings(), side = kernel.length, pad = padding(side, chosen), span = chosen.dilation * (side - 1) + 1;
    drawGrey($("kernel-before"), picture);
    drawFrame($("kernel-before"), { left: unit[1] * chosen.stride - pad, top: unit[0] * chosen.stride - pad, width: span, height: span }, { dims: true });
    const reach = reachOf(made.data);
    if (kernel.flat().some((v) => v < 0)) drawMap($("kernel-after"), made.data, made.height, made.width, usualReach(made.data));
    else drawGrey($("kernel-after"), made);
    drawFrame($("kernel-after"), { left: unit[1], top: unit[0], width: 1, height: 1 });
    $("kernel-after-words").textContent = kernel.flat().some((v) => v < 0) ? `from −${number(reach)} (blue) to ${number(reach)} (orange): click a number, or use the arrow keys` : "in grey: click a number, or use the arrow keys";
    unitInputs();
    const patch = patchAt(picture, side, chosen, ...unit), products = patch.map((row, i) => row.map((v, j) => (v ?? 0) * kernel[i][j]));
    const total = products.flat().reduce((a, b) => a + b, 0);
    const sign = (text) => node("span", { class: "sign", "aria-hidden": "true" }, text);
    $("kernel-step").replaceChildren(node("div", { class: "row" },
      grid(patch, { label: "what lies below", reach: 255 }), sign("×"), grid(kernel, { label: "kernel", isKernel: true }), sign("="), grid(products, { label: "products" }), sign("→"),
      node("p", { class: "formula", "data-result": total }, "together ", node("strong", {}, number(total)))));
  }

  /** The same choice by keyboard alone. */
  function unitInputs() {
    $("kernel-unit").replaceChildren(...["Row", "Column"].map((word, d) => {
      const input = node("input", { type: "number", min: 0, max: [made.height, made.width][d] - 1, value: unit[d] });
      input.addEventListener("change", () => { unit[d] = Math.min(Math.max(0, Math.round(Number(input.value) || 0)), [made.height, made.width][d] - 1); drawUnit(); $("kernel-unit").querySelectorAll("input")[d].focus(); });
      return node("label", {}, `${word} `, input);
    }));
  }

  function formula({ stride, dilation, edges }, height, width) {
    const side = kernel.length, pad = padding(side, { dilation, edges });
    const one = (n) => `⌊(${n} + 2 × ${pad} − ${dilation} × (${side} − 1) − 1) / ${stride}⌋ + 1`;
    $("kernel-size").replaceChildren(node("strong", {}, "Size: "), "⌊(n + 2 × padding − dilation × (k − 1) − 1) / stride⌋ + 1. ",
      `Height: ${one(picture.height)} = ${height}. Width: ${one(picture.width)} = ${width}.`, height > 0 && width > 0 ? "" : " The kernel does not fit.");
  }

  function kernelInputs() {
    $("kernel-grid").style.setProperty("--side", kernel.length);
    $("kernel-grid").replaceChildren(...kernel.flatMap((row, i) => row.map((value, j) => {
      const input = node("input", { type: "number", step: "any", value: Number(value.toPrecision(4)), "aria-label": `row ${i + 1}, column ${j + 1}` });
      input.addEventListener("input", () => {
        if (!Number.isFinite(input.valueAsNumber)) return;
        kernel = kernel.map((r, y) => r.map((v, x) => (y === i && x === j ? input.valueAsNumber : v)));
        $("kernel-name").value = "own";
        draw();
      });
      return input;
    })));
  }

  $("kernel-name").replaceChildren(...Object.entries(KERNELS).map(([name, [words]]) => node("option", { value: name }, words)), node("option", { value: "own" }, "your own numbers"));
  $("kernel-name").value = "sobel_horizontal";
  $("kernel-edges").replaceChildren(...Object.entries(EDGES).map(([name, [words]]) => node("option", { value: name }, words)));
  $("kernel-name").addEventListener("change", () => { if ($("kernel-name").value === "own") return; kernel = resized(KERNELS[$("kernel-name").value][1], Math.max(3, Number($("kernel-side").value))); $("kernel-side").value = String(kernel.length); kernelInputs(); draw(); });
  $("kernel-side").addEventListener("change", () => { kernel = resized(kernel, Number($("kernel-side").value)); kernelInputs(); draw(); });
  for (const id of ["kernel-stride", "kernel-dilation", "kernel-edges"]) $(id).addEventListener("input", () => { tellTaken(); draw(); });
  $("kernel-photo").addEventListener("click", () => $("kernel-file").click());
  $("kernel-file").addEventListener("change", async () => {
    const [file] = $("kernel-file").files;
    $("kernel-file").value = "";
    if (!file) return;
    try { picture = await greyOf(file); $("kernel-told").textContent = ""; draw(); } catch { $("kernel-told").textContent = `${file.name} cannot be shown by this browser. Give it to the lens of landsight serve, which reads more kinds.`; }
  });
  $("kernel-after").addEventListener("click", (event) => {
    const box = $("kernel-after").getBoundingClientRect(), place = (position, length, count) => Math.min(count - 1, Math.max(0, Math.floor((position / length) * count)));
    unit = [place(event.clientY - box.top, box.height, made.height), place(event.clientX - box.left, box.width, made.width)];
    drawUnit();
  });
  $("kernel-after").addEventListener("keydown", (event) => {
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!move) return;
    event.preventDefault();
    unit = unit.map((v, d) => Math.min([made.height, made.width][d] - 1, Math.max(0, v + move[d])));
    drawUnit();
  });
  kernelInputs();
  draw();
  return { setPicture: (bytes, shape) => { picture = greyOfPrepared(bytes, shape); unit = [Math.floor(picture.height / 3), Math.floor(picture.width / 3)]; draw(); } };
}

const whole = (id) => Math.min(8, Math.max(1, Math.round(Number($(id).value) || 1)));

/** What is said when a field holds something else than a whole number that a kernel can be moved by. */
const taken = (id) => (Number($(id).value) === whole(id) ? "" : `${$(id).labels[0].textContent.trim()}: a whole number from 1 to 8; ${whole(id)} is taken.`);

/** Rec. 601 luma, as photo editors and Pillow's "L". */
const luma = (r, g, b) => Math.round(0.299 * r + 0.587 * g + 0.114 * b);

function greyOfPrepared(bytes, [channels, height, width]) {
  const data = new Float64Array(height * width);
  for (let i = 0; i < data.length; i++) data[i] = channels === 1 ? bytes[i] : luma(bytes[3 * i], bytes[3 * i + 1], bytes[3 * i + 2]);
  return { data, height, width };
}

async function greyOf(file) {
  const image = await createImageBitmap(file), scale = Math.min(1, SIDE / Math.max(image.width, image.height));
  const width = Math.max(1, Math.round(image.width * scale)), height = Math.max(1, Math.round(image.height * scale));
  const canvas = Object.assign(document.createElement("canvas"), { width, height }), context = canvas.getContext("2d");
  context.drawImage(image, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, width, height).data, data = new Float64Array(width * height);
  for (let i = 0; i < data.length; i++) data[i] = luma(pixels[4 * i], pixels[4 * i + 1], pixels[4 * i + 2]);
  return { data, height, width };
}

/** Until a photo is there: a disc and a bar on a ramp, so that every kernel has something to answer. */
function gradient(side = 96) {
  const data = new Float64Array(side * side);
  for (let y = 0; y < side; y++) for (let x = 0; x < side; x++) {
    const isDisc = (x - 34) ** 2 + (y - 36) ** 2 < 20 ** 2, isBar = y > 66 && y < 76 && x > 16 && x < 84;
    data[y * side + x] = isDisc ? 225 : isBar ? 20 : 60 + x;
  }
  return { data, height: side, width: side };
}

function drawGrey(canvas, { data, height, width }) {
  canvas.width = width;
  canvas.height = height;
  const pixels = new ImageData(width, height);
  data.forEach((value, i) => pixels.data.set([value, value, value, 255], 4 * i));
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}
