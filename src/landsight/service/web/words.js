// What an answer says, in words and in colours. No drawing here.

export const KINDS = {
  gps: "position", landmark: "place recognised", unknown_place: "place not known", not_a_place: "no place", error: "not read",
};

/** Percent with no false precision: 97 %, and never 100 % or 0 %. */
export const percent = (p) => p >= 0.995 ? "over 99 %" : p < 0.005 ? "under 1 %" : `${Math.round(100 * p)} %`;

/** Metres or kilometres, two digits. */
export const metres = (m) => m < 1000 ? `${Number(m.toPrecision(2))} m` : `${Number((m / 1000).toPrecision(2)).toLocaleString("en")} km`;

/** Degrees as people write them. */
export const degrees = (lat, lon) =>
  `${Math.abs(lat).toFixed(4)}° ${lat < 0 ? "S" : "N"}, ${Math.abs(lon).toFixed(4)}° ${lon < 0 ? "W" : "E"}`;

const joined = (...parts) => parts.filter(Boolean).join(", ");

/** The one sentence of a photo. */
export function headline(photo) {
  const line = photo.line;
  if (photo.corrected) return photo.corrected.name || degrees(photo.corrected.latitude, photo.corrected.longitude);
  if (!line) return photo.problem || "waiting";
  if (line.outcome === "gps") {
    const place = line.camera.place;
    return place ? joined(place.city, place.region, place.country) : degrees(line.camera.latitude, line.camera.longitude);
  }
  if (line.outcome === "landmark") return line.shown.name;
  if (line.outcome === "unknown_place") return "A place, but none that I know";
  if (line.outcome === "not_a_place") return "No place that I can see";
  return line.error ? line.error.reason : photo.problem;
}

/** Under it: how we know, and how sure. */
export function support(photo) {
  const line = photo.line;
  if (photo.corrected) return "set by hand";
  if (!line || line.outcome === "error") return line && line.error ? line.error.advice : "";
  if (line.outcome === "gps") {
    const from = { exif: "position in the file", xmp: "position in the file", sidecar: "position in the sidecar" }[line.camera.source] || line.camera.source;
    const shown = line.shown ? `; shows ${line.shown.name}, ${percent(line.shown.probability)}` : "";
    return `${from}, within ${metres(line.camera.radius_m)}${shown}`;
  }
  if (line.outcome === "landmark") return joined(line.shown.city, line.shown.country, `looks like it: ${percent(line.shown.probability)}`);
  const best = line.candidates[0];
  return best ? `nearest guess ${best.name}, not sure enough` : "";
}

/** Where a photo belongs on the map: [{of, latitude, longitude, radius_m}], camera and shown apart. */
export function positions(photo) {
  if (photo.corrected) return [{ of: "camera", ...photo.corrected, radius_m: 0 }];
  const line = photo.line, found = [];
  if (!line) return found;
  if (line.camera) found.push({ of: "camera", latitude: line.camera.latitude, longitude: line.camera.longitude, radius_m: line.camera.radius_m });
  if (line.shown && line.shown.latitude !== null) {
    found.push({ of: "shown", latitude: line.shown.latitude, longitude: line.shown.longitude, radius_m: line.shown.radius_m || 0 });
  }
  return found;
}

/** How sure, 0 to 1, for sorting. */
export function sureness(photo) {
  const line = photo.line;
  if (photo.corrected) return 1;
  if (!line || line.outcome === "error") return -1;
  if (line.camera) return 1;
  return line.known_probability ?? (line.candidates[0] ? line.candidates[0].probability : 0);
}

export const conflictWords = (c) => `The picture shows a place ${metres(c.distance_m)} from where the camera stood (${percent(c.probability)}).`;

/** Counts as they are: of ten test photos no share is worth a percent sign. */
export function confusedWords(line) {
  const [first, ...others] = line.often_confused_with || [];
  if (!first) return "";
  return `Most often confused with ${first.name} (${first.count} of ${first.of} test photos)${others.map((o) => `, ${o.name} (${o.count})`).join("")}.`;
}
