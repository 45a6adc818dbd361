// What is on the page as files: JSON lines as the service gave them, a table, points.
import { headline, positions } from "./words.js";

const COLUMNS = ["file", "outcome", "of", "latitude", "longitude", "radius_m", "place", "country", "probability", "corrected"];

function rows(photos) {
  return photos.filter((p) => p.line || p.corrected).flatMap((photo) => {
    const line = photo.line || {}, common = { file: photo.name, outcome: line.outcome || "", place: headline(photo), corrected: Boolean(photo.corrected) };
    const country = line.camera?.place?.country || line.shown?.country || "";
    const found = positions(photo).map((p) => ({ ...common, ...p, name: undefined, country: photo.corrected ? "" : country,
      probability: p.of === "shown" ? line.shown.probability : "" }));
    return found.length ? found : [{ ...common, of: "", latitude: "", longitude: "", radius_m: "", country: "", probability: "" }];
  });
}

/** A cell that a spreadsheet takes for text: a leading sign would make it a formula. */
function cell(value) {
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export const WRITERS = {
  json: (photos) => ["application/json", JSON.stringify({ results: photos.filter((p) => p.line || p.corrected).map((p) => ({
    ...p.line, path: p.name, corrected: p.corrected || null })) }, null, 1)],
  csv: (photos) => ["text/csv", [COLUMNS.join(","), ...rows(photos).map((r) => COLUMNS.map((c) => cell(r[c])).join(","))].join("\r\n") + "\r\n"],
  geojson: (photos) => ["application/geo+json", JSON.stringify({ type: "FeatureCollection", features: rows(photos).filter((r) => r.of).map((r) => ({
    type: "Feature", geometry: { type: "Point", coordinates: [r.longitude, r.latitude] },
    properties: { file: r.file, outcome: r.outcome, of: r.of, radius_m: r.radius_m, place: r.place, corrected: r.corrected } })) }, null, 1)],
};

export function save(kind, photos) {
  const [type, text] = WRITERS[kind](photos);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = `photos.${kind}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
