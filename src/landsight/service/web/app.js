// The page: what is added, answered, shown, filtered, corrected and exported. What each part looks like stands in its own file.
import { fillCard, makeCard } from "./card.js";
import { correctPlace } from "./correct.js";
import { save } from "./exports.js";
import { Uploads } from "./upload.js";
import { headline, sureness } from "./words.js";

const $ = (id) => document.getElementById(id);
const photos = [], cards = new Map();
let nextId = 1, isDrawing = false;

// The map is a megabyte of script: everything else works before it is there, and without it.
const map = import("./map.js").then(({ PhotoMap }) => new PhotoMap("map", (id) => {
  cards.get(id)?.scrollIntoView({ block: "center" });
  cards.get(id)?.focus();
}));
const uploads = new Uploads({ told: changed, asksToken });
const actions = {
  show: (photo) => map.then((m) => m.fly(photo)),
  retry: (photo) => uploads.add([photo]),
  correct: async (photo) => { if (await correctPlace(photo, uploads.token)) changed(photo); },
};

function add(files) {
  const fresh = files.map((file) => ({ id: nextId++, file, name: file.webkitRelativePath || file.name || "photo", status: "waiting", line: null, corrected: null, problem: "" }));
  photos.push(...fresh);
  uploads.add(fresh);
}

/** Many photos may change in one frame; the page is drawn once. */
const dirty = new Set();
function changed(photo) {
  dirty.add(photo);
  if (!isDrawing) { isDrawing = true; requestAnimationFrame(draw); }
}

function draw() {
  isDrawing = false;
  const began = performance.now();
  for (const photo of dirty) {
    if (performance.now() - began > 40) { isDrawing = true; requestAnimationFrame(draw); break; } // the rest in the next frame
    dirty.delete(photo);
    const card = cards.get(photo.id);
    if (card) fillCard(card, photo, actions);
    else cards.set(photo.id, makeCard(photo, actions));
  }
  if (!isDrawing) { arrange(); tell(); }
}

const FILTERS = {
  all: () => true,
  conflict: (p) => p.line?.conflicts.length > 0,
  corrected: (p) => Boolean(p.corrected),
  error: (p) => p.status === "failed" || p.line?.outcome === "error",
};
const ORDERS = {
  added: (a, b) => a.id - b.id,
  name: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }),
  sure: (a, b) => sureness(a) - sureness(b),
  time: (a, b) => (a.line?.camera?.time || "9").localeCompare(b.line?.camera?.time || "9"),
  place: (a, b) => headline(a).localeCompare(headline(b)),
};

function arrange() {
  const kind = $("filter").value, wanted = photos.filter(FILTERS[kind] || ((p) => p.line?.outcome === kind));
  const sorted = [...wanted].sort(ORDERS[$("sort").value]), list = $("cards");
  const nodes = sorted.map((p) => cards.get(p.id)).filter(Boolean);
  if (nodes.length !== list.children.length || nodes.some((n, i) => list.children[i] !== n)) list.replaceChildren(...nodes);
  map.then((m) => m.show(wanted));
}

let hasFitted = false;
function tell() {
  const done = photos.filter((p) => p.status === "done" || p.status === "failed").length, failed = photos.filter((p) => p.status === "failed").length;
  const isBusy = done < photos.length;
  $("tools").hidden = !photos.length;
  $("progress").hidden = !isBusy && !failed;
  $("bar").hidden = $("cancel").hidden = !isBusy;
  $("bar").max = photos.length || 1;
  $("bar").value = done;
  $("retry").hidden = isBusy || !failed;
  $("progress-text").textContent = isBusy ? `${done} of ${photos.length} answered` : failed ? `${failed} could not be looked at` : "";
  const counts = {};
  for (const p of photos) if (p.line) counts[p.line.outcome] = (counts[p.line.outcome] || 0) + 1;
  const words = { gps: "with a position", landmark: "recognised", unknown_place: "of places I do not know", not_a_place: "without a place", error: "not readable" };
  $("summary").textContent = Object.keys(words).filter((k) => counts[k]).map((k) => `${counts[k]} ${words[k]}`).join(" · ");
  if (!isBusy && photos.length && !hasFitted) { hasFitted = true; map.then((m) => m.ready.then(() => m.fit())); }
  if (isBusy) hasFitted = false;
}

function asksToken(before) {
  $("token-row").hidden = false;
  if (!before) $("token").focus();
  return new Promise((resolve) => {
    const use = (event) => { event.preventDefault(); $("token-row").hidden = true; resolve($("token").value); };
    $("token-row").addEventListener("submit", use, { once: true });
  });
}

/** Files of a drop, folders entered. */
async function dropped(items) {
  const found = [];
  async function walk(entry) {
    if (entry.isFile) found.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
    else if (entry.isDirectory) {
      const reader = entry.createReader();
      for (let some; (some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))).length;) for (const one of some) await walk(one);
    }
  }
  const entries = [...items].filter((i) => i.kind === "file").map((i) => i.webkitGetAsEntry?.() || i.getAsFile());
  for (const entry of entries) if (entry instanceof File) found.push(entry); else if (entry) await walk(entry);
  return found;
}

for (const [button, input] of [["choose", "files"], ["choose-folder", "folder"], ["take", "camera"]]) {
  $(button).addEventListener("click", () => $(input).click());
  $(input).addEventListener("change", () => { add([...$(input).files]); $(input).value = ""; });
}
$("take").hidden = !matchMedia("(pointer: coarse)").matches;
document.addEventListener("paste", (event) => { const files = [...event.clipboardData.files]; if (files.length) add(files); });
addEventListener("dragover", (event) => { event.preventDefault(); $("drop").classList.add("over"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) $("drop").classList.remove("over"); });
addEventListener("drop", async (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  add(await dropped(event.dataTransfer.items));
});
$("cancel").addEventListener("click", () => uploads.cancel());
$("retry").addEventListener("click", () => uploads.add(photos.filter((p) => p.status === "failed")));
$("filter").addEventListener("change", arrange);
$("sort").addEventListener("change", arrange);
$("clear").addEventListener("click", () => { uploads.cancel(); photos.length = 0; cards.clear(); dirty.clear(); arrange(); tell(); $("choose").focus(); });
for (const button of document.querySelectorAll("[data-export]")) button.addEventListener("click", () => save(button.dataset.export, photos));
