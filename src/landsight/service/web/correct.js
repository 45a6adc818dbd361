// A place set by hand: one of those the model knows, or coordinates. Kept on the page, and in what it exports.

const $ = (id) => document.getElementById(id);
let places = null;

async function known(token) {
  if (!places) {
    const reply = await fetch("v1/places", { headers: token ? { Authorization: `Bearer ${token}` } : {} });
    places = reply.ok ? (await reply.json()).places : [];
    $("places").replaceChildren(...places.map((p) => { const option = document.createElement("option"); option.value = p.name || p.class; return option; }));
  }
  return places;
}

function number(text, most) {
  const value = Number(text.replace(",", "."));
  return text.trim() !== "" && Number.isFinite(value) && Math.abs(value) <= most ? value : null;
}

/** What the fields say: a place, or a sentence that says what is wrong. */
function read(all) {
  const name = $("correct-place").value.trim();
  const lat = $("correct-lat").value, lon = $("correct-lon").value;
  if (lat.trim() || lon.trim()) {
    const latitude = number(lat, 90), longitude = number(lon, 180);
    return latitude === null || longitude === null ? "Latitude is from -90 to 90, longitude from -180 to 180." : { name, latitude, longitude };
  }
  const place = all.find((p) => (p.name || p.class).toLowerCase() === name.toLowerCase());
  if (!place || place.latitude == null) return "Choose a place of the list, or give coordinates.";
  return { name: place.name, latitude: place.latitude, longitude: place.longitude };
}

/** Ask; true when something has changed. */
export async function correctPlace(photo, token) {
  const all = await known(token), dialog = $("correct");
  $("correct-name").textContent = photo.name;
  $("correct-place").value = photo.corrected?.name || "";
  $("correct-lat").value = $("correct-lon").value = $("correct-error").textContent = "";
  dialog.returnValue = "cancel";
  dialog.showModal();
  return new Promise((resolve) => {
    const save = (event) => {
      const found = read(all);
      if (typeof found !== "string") { photo.corrected = found; return; }
      event.preventDefault();
      $("correct-error").textContent = found;
    };
    $("correct-save").addEventListener("click", save);
    dialog.addEventListener("close", () => {
      $("correct-save").removeEventListener("click", save);
      if (dialog.returnValue === "none") photo.corrected = null;
      resolve(dialog.returnValue !== "cancel");
    }, { once: true });
  });
}
