// Where the page's numbers come from: the service, or the page itself when it was written as one file. Both offer
//   describe() -> the network; has(layer) -> are its numbers there; look(file | null) -> {prepared, answer, layers}; tensor(layer) and weights(layer) -> Float32Arrays with shapes.

/** What cannot be had, in words for people. `needsToken`: the service asks for one. */
export class Refused extends Error {
  constructor(words, needsToken = false) { super(words); this.needsToken = needsToken; }
}

/** Of a layer that was too large to take along. */
export const NOT_HERE = "The numbers of this layer are not in this file, to keep it small. Write it with a larger --limit-mb, or look at it with landsight serve.";

const bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const size = (shape) => shape.reduce((a, b) => a * b, 1);

/** One buffer -> as many arrays as there are shapes, one after the other. */
function split(buffer, shapes) {
  let start = 0;
  return shapes.map((shape) => {
    const data = new Float32Array(buffer, start, size(shape));
    start += 4 * data.length;
    return { shape, data };
  });
}

const named = (layer, tensors) => Object.fromEntries(layer.weights.map(({ role }, i) => [role, tensors[i]]));

export class ServiceSource {
  constructor() { this.token = ""; this.tensors = new Map(); this.stored = new Map(); this.prepared = null; }

  async describe() { this.network = await (await this.#ask("v1/lens")).json(); return this.network; }

  /** Are the numbers of a layer, and of what it takes, to be had. */
  has() { return true; }

  /** A photo of the bundle itself, or null. */
  async ownPhoto() {
    try { return await (await this.#ask("v1/lens/photo")).blob(); } catch (error) { if (error.needsToken) throw error; return null; }
  }

  async look(photo) {
    const seen = await (await this.#ask("v1/lens/look", { method: "POST", body: photo, headers: { "Content-Type": "application/octet-stream" } })).json();
    this.tensors.clear();
    this.prepared = bytesOf(seen.prepared);
    return { ...seen, prepared: this.prepared };
  }

  /** What some layers make of the photo, asked for in one request and kept until the next photo. */
  async tensorsOf(layers) {
    const missing = layers.filter((layer) => !this.tensors.has(layer.number));
    if (missing.length) {
      const query = missing.map((layer) => layer.number).join(","), photo = this.prepared;
      const reply = await this.#ask(`v1/lens/tensors?numbers=${query}`, { method: "POST", body: photo, headers: { "Content-Type": "application/octet-stream" } });
      const found = split(await reply.arrayBuffer(), missing.map((layer) => layer.shape));
      if (photo === this.prepared) missing.forEach((layer, i) => this.#keep(layer.number, found[i]));
      const made = new Map(missing.map((layer, i) => [layer.number, found[i]]));
      return layers.map((layer) => made.get(layer.number) ?? this.tensors.get(layer.number));
    }
    return layers.map((layer) => this.tensors.get(layer.number));
  }

  async weightsOf(layer) {
    if (!layer.weights.length) return {};
    if (!this.stored.has(layer.number)) {
      const buffer = await (await this.#ask(`v1/lens/weights/${layer.number}`)).arrayBuffer();
      this.stored.set(layer.number, named(layer, split(buffer, layer.weights.map(({ shape }) => shape))));
    }
    return this.stored.get(layer.number);
  }

  /** The last few layers are kept: going back and forth asks nothing anew, and a large network does not fill the browser. */
  #keep(number, tensor) {
    this.tensors.set(number, tensor);
    for (const oldest of this.tensors.keys()) { if (this.tensors.size <= 24) break; this.tensors.delete(oldest); }
  }

  async #ask(path, options = {}) {
    const headers = { ...options.headers, ...(this.token ? { Authorization: `Bearer ${this.token}` } : {}) };
    let reply;
    try { reply = await fetch(path, { ...options, headers }); } catch { throw new Refused("The service does not answer. Is it still running?"); }
    if (reply.ok) return reply;
    const problem = await reply.json().catch(() => ({}));
    throw new Refused(problem.detail || `The service answers ${reply.status}.`, reply.status === 401);
  }
}

/** A page that was written by `landsight lens`: packed numbers as text. Layers that were too large to take along have none. */
export class FileSource {
  constructor(data) { this.data = data; this.network = data.network; this.opened = new Map(); }

  async describe() { return this.network; }

  /** Are the numbers of a layer, and of what it takes, in the file. */
  has(layer) {
    const { tensors, weights } = this.data;
    return [layer.number, ...layer.sources].every((n) => n in tensors) && (!layer.weights.length || layer.number in weights);
  }

  async ownPhoto() { return null; }

  async look() { return { prepared: bytesOf(this.data.prepared), answer: this.data.answer, layers: this.data.layers }; }

  async tensorsOf(layers) {
    return Promise.all(layers.map(async (layer) => split(await this.#unpacked(this.data.tensors, layer), [layer.shape])[0]));
  }

  async weightsOf(layer) {
    if (!layer.weights.length) return {};
    return named(layer, split(await this.#unpacked(this.data.weights, layer), layer.weights.map(({ shape }) => shape)));
  }

  async #unpacked(table, layer) {
    const packed = table[layer.number];
    if (!packed) throw new Refused(NOT_HERE);
    const key = `${table === this.data.tensors} ${layer.number}`;
    if (!this.opened.has(key)) {
      const stream = new Blob([bytesOf(packed)]).stream().pipeThrough(new DecompressionStream("gzip"));
      this.opened.set(key, new Response(stream).arrayBuffer());
    }
    return this.opened.get(key);
  }
}

export function openSource() {
  const written = document.getElementById("lens-data");
  return written ? new FileSource(JSON.parse(written.textContent)) : new ServiceSource();
}
