// One photo on the page: picture, answer, candidates, evidence, warnings. Built of nodes and text alone, so that no name is ever markup.
import { drawHeat } from "./heat.js";
import { KINDS, confusedWords, conflictWords, headline, metres, percent, support } from "./words.js";

function node(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((c) => c !== null && c !== undefined && c !== ""));
  return made;
}

/** A list item; `fillCard` writes into it. */
export function makeCard(photo, actions) {
  const card = node("li", { class: "card", id: `photo-${photo.id}`, tabindex: "-1" });
  fillCard(card, photo, actions);
  return card;
}

export function fillCard(card, photo, actions) {
  const kind = photo.corrected ? "gps" : photo.line?.outcome || "none";
  card.dataset.kind = kind;
  card.dataset.status = photo.status;
  card.replaceChildren(
    picture(photo),
    node("div", { class: "body" },
      node("p", { class: "file" }, photo.name),
      node("h2", {}, photo.status === "working" ? "looking …" : headline(photo)),
      node("p", { class: "support" }, support(photo) || (photo.status === "failed" ? photo.problem : "")),
      photo.line ? bars(photo.line) : null,
      confused(photo.line),
      notes(photo.line),
      evidence(photo.line),
      photo.status === "done" || photo.status === "failed" ? node("p", { class: "buttons" },
        photo.line && (photo.line.camera || photo.line.shown?.latitude != null || photo.corrected)
          ? node("button", { type: "button", onclick: () => actions.show(photo) }, "Show on the map") : null,
        photo.status === "done" ? node("button", { type: "button", onclick: () => actions.correct(photo) }, photo.corrected ? "Correct again" : "Correct the place") : null,
        photo.status === "failed" ? node("button", { type: "button", onclick: () => actions.retry(photo) }, "Try again") : null,
      ) : null,
    ),
  );
}

function picture(photo) {
  const box = node("div", { class: "picture" });
  if (!photo.line?.thumbnail) {
    box.append(node("span", { class: "blank", "aria-hidden": "true" }, photo.status === "failed" || photo.line ? "✕" : "…"));
    return box;
  }
  const image = node("img", { src: photo.line.thumbnail, alt: `${photo.name}: ${headline(photo)}`, loading: "lazy", decoding: "async" });
  box.append(image);
  const maps = [photo.line.activation_map, photo.line.runner_up_map].filter(Boolean);
  if (maps.length && photo.line.outcome !== "error") box.append(heat(photo, maps, image, box));
  box.append(node("span", { class: "kind" }, photo.corrected ? "corrected" : KINDS[photo.line.outcome]));
  return box;
}

/** Pointing at the picture lights up what speaks for the likeliest answer; the button keeps it lit and sets the next one's map beside it. */
function heat(photo, maps, image, frame) {
  const canvas = node("canvas", { "aria-hidden": "true" }), caption = node("span", { class: "caption", role: "status" });
  const button = node("button", { type: "button", class: "why", "aria-pressed": "false" }, "Why?");
  const beside = maps.length > 1 ? lit(photo, image) : null;
  const isKept = () => button.getAttribute("aria-pressed") === "true";
  const show = (isOn) => {
    canvas.classList.toggle("on", isOn);
    caption.textContent = isOn ? drawn(canvas, photo, maps[0], image) : "";
  };
  button.addEventListener("click", () => {
    const isOn = !isKept();
    button.setAttribute("aria-pressed", String(isOn));
    show(isOn);
    frame.classList.toggle("split", isOn && beside !== null);
    if (!beside) return;
    if (isOn) beside.caption.textContent = drawn(beside.canvas, photo, maps[1], image);
    if (isOn) frame.append(beside.pane); else beside.pane.remove();
  });
  const box = node("div", { class: "heat" }, canvas, caption, button);
  box.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse" && !isKept()) show(true); });
  box.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse" && !isKept()) show(false); });
  return box;
}

/** The photo once more, for a second map. */
function lit(photo, image) {
  const canvas = node("canvas", { class: "on", "aria-hidden": "true" }), caption = node("span", { class: "caption", role: "status" });
  return { canvas, caption, pane: node("div", { class: "beside" }, node("img", { src: image.src, alt: "" }), canvas, caption) };
}

/** Draw a map over a photo of the same shape, wherever that lies in its frame; what it says, in words. */
function drawn(canvas, photo, map, image) {
  canvas.width = image.naturalWidth || 300;
  canvas.height = image.naturalHeight || 200;
  drawHeat(canvas, map);
  const candidate = photo.line.candidates.find((c) => c.class === map.class);
  return `what speaks for ${candidate ? candidate.name : map.class}`;
}

function bars(line) {
  if (!line.candidates.length || line.looked === "not_a_place") return null;
  return node("ol", { class: "bars", "aria-label": "Likeliest places" }, ...line.candidates.slice(0, 3).map((candidate) => {
    const meter = node("meter", { min: 0, max: 1, value: candidate.probability, "aria-label": `${candidate.name}: ${percent(candidate.probability)}` });
    return node("li", {}, node("span", { class: "name" }, candidate.name), meter, node("span", { class: "share", "aria-hidden": "true" }, percent(candidate.probability)));
  }));
}

/** What test photos of the likeliest place were taken for: there when the bundle knows, and the answer is about a place. */
function confused(line) {
  const words = line && line.looked !== "not_a_place" ? confusedWords(line) : "";
  return words ? node("p", { class: "confused" }, words) : null;
}

function notes(line) {
  if (!line) return null;
  const items = [
    ...line.conflicts.map((c) => node("li", { class: "conflict" }, conflictWords(c))),
    ...line.warnings.map((w) => node("li", {}, w.text)),
  ];
  return items.length ? node("ul", { class: "notes" }, ...items) : null;
}

function evidence(line) {
  if (!line?.evidence.length) return null;
  return node("details", {}, node("summary", {}, "Evidence"), node("ul", {}, ...line.evidence.map((e) => node("li", {},
    `${e.of === "camera" ? "Camera" : "Shown"}: ${e.source || e.kind}${e.radius_m ? `, within ${metres(e.radius_m)}` : ""}${e.detail ? ` (${e.detail})` : ""}`))));
}
