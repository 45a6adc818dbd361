// All photos on one map, drawn from country shapes that lie on this machine. Camera and shown are two kinds of points.
import * as maplibre from "./vendor/maplibre-gl.mjs";
import { headline, positions } from "./words.js";

maplibre.setWorkerUrl(new URL("./vendor/maplibre-gl-worker.mjs", import.meta.url).href);

const EARTH_M = 6_371_008.8;
const LIGHT = { sea: "#dfe9ee", land: "#f7f5ef", border: "#b9b4a6", camera: "#0b6e4f", shown: "#b4470b" };
const DARK = { sea: "#16212a", land: "#26323b", border: "#4d5b66", camera: "#3ecf9a", shown: "#ff9d5c" };

/** A circle on the sphere as a polygon. */
function circle(longitude, latitude, radius) {
  const points = [], φ = latitude * Math.PI / 180, δ = radius / EARTH_M;
  for (let i = 0; i <= 64; i++) {
    const θ = i / 32 * Math.PI;
    const φ2 = Math.asin(Math.sin(φ) * Math.cos(δ) + Math.cos(φ) * Math.sin(δ) * Math.cos(θ));
    const λ = Math.atan2(Math.sin(θ) * Math.sin(δ) * Math.cos(φ), Math.cos(δ) - Math.sin(φ) * Math.sin(φ2));
    points.push([longitude + λ * 180 / Math.PI, φ2 * 180 / Math.PI]);
  }
  return [points];
}

/** Rings that cross the 180th meridian go on beyond it instead of jumping to the other side; the pole's own edge is left. */
function unwrapped(world) {
  for (const { geometry } of world.features) {
    for (const polygon of geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates) {
      for (const ring of polygon) {
        let shift = 0, before = ring[0][0];
        for (const point of ring) {
          const step = point[0] + shift - before;
          if (Math.abs(step) > 180 && Math.abs(point[1]) < 80) shift -= 360 * Math.sign(step);
          point[0] += shift;
          before = point[0];
        }
      }
    }
  }
  return world;
}

const collection = (features) => ({ type: "FeatureCollection", features });

export class PhotoMap {
  /** `picked(id)` when somebody chooses a point. */
  constructor(container, picked) {
    this.picked = picked;
    this.markers = new Map();
    this.photos = [];
    this.wanted = [];
    this.soon = null;
    this.colours = matchMedia("(prefers-color-scheme: dark)").matches ? DARK : LIGHT;
    this.ready = this.#made(container);
  }

  async #made(container) {
    const reply = await fetch(new URL("./vendor/countries-50m.json", import.meta.url));
    const topology = await reply.json();
    const c = this.colours;
    this.map = new maplibre.Map({
      container, center: [10, 25], zoom: 0.6, minZoom: 0, maxZoom: 14, attributionControl: false, dragRotate: false, pitchWithRotate: false,
      style: { version: 8, sources: {
        countries: { type: "geojson", data: unwrapped(topojson.feature(topology, topology.objects.countries)) },
        // One of each, without a colour: what draws them is compiled now, and not when photos come.
        circles: { type: "geojson", data: collection([{ type: "Feature", geometry: { type: "Polygon", coordinates: circle(0, 0, 1e6) }, properties: {} }]) },
        photos: { type: "geojson", data: collection([{ type: "Feature", geometry: { type: "Point", coordinates: [0, 0] }, properties: {} }]), cluster: true, clusterRadius: 36, clusterMaxZoom: 12 },
      }, layers: [
        { id: "sea", type: "background", paint: { "background-color": c.sea } },
        { id: "land", type: "fill", source: "countries", paint: { "fill-color": c.land } },
        { id: "borders", type: "line", source: "countries", paint: { "line-color": c.border, "line-width": 0.7 } },
        { id: "circles", type: "fill", source: "circles", paint: { "fill-color": ["match", ["get", "of"], "camera", c.camera, "shown", c.shown, "transparent"], "fill-opacity": 0.15 } },
        { id: "circle-edges", type: "line", source: "circles", paint: { "line-color": ["match", ["get", "of"], "camera", c.camera, "shown", c.shown, "transparent"], "line-width": 1 } },
        { id: "points", type: "circle", source: "photos", paint: { "circle-radius": 0, "circle-opacity": 0 } },
      ] },
    });
    this.map.addControl(new maplibre.NavigationControl({ showCompass: false }));
    this.map.touchZoomRotate.disableRotation();
    await new Promise((resolve) => this.map.once("load", resolve));
    this.map.on("render", () => this.#mark());
    this.#put();
  }

  /** Show these photos and no others, soon: while hundreds are answered, the map is drawn four times a second and not for each of them. */
  show(photos) {
    this.photos = photos;
    this.soon ??= setTimeout(() => this.#put(), 250);
  }

  #put() {
    clearTimeout(this.soon);
    this.soon = null;
    this.wanted = this.photos.flatMap((photo) => positions(photo).map((p) => ({ ...p, id: photo.id, title: `${photo.name}: ${headline(photo)}` })));
    if (!this.map?.getSource("photos")) return;
    this.map.getSource("photos").setData(collection(this.wanted.map((p) => ({
      type: "Feature", geometry: { type: "Point", coordinates: [p.longitude, p.latitude] }, properties: { id: p.id, of: p.of, title: p.title } }))));
    this.map.getSource("circles").setData(collection(this.wanted.filter((p) => p.radius_m > 0).map((p) => ({
      type: "Feature", geometry: { type: "Polygon", coordinates: circle(p.longitude, p.latitude, p.radius_m) }, properties: { of: p.of } }))));
  }

  /** Everything in view. */
  fit() {
    this.#put();
    if (!this.map || !this.wanted.length) return;
    const box = new maplibre.LngLatBounds();
    for (const p of this.wanted) box.extend([p.longitude, p.latitude]);
    this.map.fitBounds(box, { padding: 48, maxZoom: 5, duration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 600 });
  }

  /** One photo. */
  fly(photo) {
    const found = positions(photo)[0];
    if (found) this.map?.easeTo({ center: [found.longitude, found.latitude], zoom: Math.max(this.map.getZoom(), 8) });
  }

  /** Buttons for what the source has in view, clusters with their number: seen, focused and pressed like any button. */
  #mark() {
    if (!this.map.isSourceLoaded("photos")) return;
    const kept = new Set();
    for (const { geometry, properties: p } of this.map.querySourceFeatures("photos")) {
      if (!p.cluster && !p.id) continue;
      const key = p.cluster ? `c${p.cluster_id}` : `${p.of}${p.id}`;
      kept.add(key);
      if (!this.markers.has(key)) this.markers.set(key, new maplibre.Marker({ element: this.#button(p, geometry.coordinates) }).setLngLat(geometry.coordinates).addTo(this.map));
    }
    for (const [key, marker] of this.markers) {
      if (!kept.has(key)) { marker.remove(); this.markers.delete(key); }
    }
  }

  #button(p, place) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = p.cluster ? "mark cluster" : `mark ${p.of === "camera" ? "stood" : "shown"}`;
    button.textContent = p.cluster ? p.point_count_abbreviated : "";
    button.setAttribute("aria-label", p.cluster ? `${p.point_count} photos here: zoom in` : p.title);
    button.title = p.cluster ? "" : p.title;
    button.addEventListener("click", async (event) => {
      event.stopPropagation();
      if (!p.cluster) return this.picked(p.id);
      const zoom = await this.map.getSource("photos").getClusterExpansionZoom(p.cluster_id);
      this.map.easeTo({ center: place, zoom });
    });
    return button;
  }
}
