// Sends photos one by one, a few at a time; tells of each when it is answered. Waits when the service says so.

const AT_ONCE = 4, PARAMETERS = "thumbnail=480&explain=true&top_k=5";

export class Uploads {
  /** `told(photo)` after every change; `asksToken()` gives a promise that ends when there is a token to try. */
  constructor({ told, asksToken }) {
    this.told = told;
    this.asksToken = asksToken;
    this.waiting = [];
    this.working = 0;
    this.token = "";
    this.abort = new AbortController();
  }

  add(photos) {
    for (const photo of photos) {
      photo.status = "waiting";
      this.waiting.push(photo);
      this.told(photo);
    }
    while (this.working < AT_ONCE && this.waiting.length) this.#work();
  }

  cancel() {
    this.abort.abort();
    this.abort = new AbortController();
    for (const photo of this.waiting.splice(0)) this.#settle(photo, "failed", "cancelled");
  }

  async #work() {
    this.working += 1;
    for (let photo; (photo = this.waiting.shift());) await this.#one(photo);
    this.working -= 1;
  }

  async #one(photo) {
    photo.status = "working";
    this.told(photo);
    const form = new FormData();
    form.append("files", photo.file, photo.name);
    const headers = this.token ? { Authorization: `Bearer ${this.token}` } : {};
    const { signal } = this.abort;
    try {
      const reply = await fetch(`v1/locate?${PARAMETERS}`, { method: "POST", body: form, headers, signal });
      if (reply.status === 503) {
        await new Promise((resolve) => setTimeout(resolve, 1000 * Number(reply.headers.get("Retry-After") || 2)));
        if (signal.aborted) throw new DOMException("cancelled", "AbortError");
        return this.#one(photo);
      }
      if (reply.status === 401) {
        this.token = await this.asksToken(this.token);
        return this.#one(photo);
      }
      const body = await reply.json();
      photo.line = reply.ok ? body.results[0] : body.line || null;
      if (reply.ok || body.line) this.#settle(photo, "done", reply.ok ? "" : body.detail);
      else this.#settle(photo, "failed", body.detail || `the service answered ${reply.status}`);
    } catch (error) {
      this.#settle(photo, "failed", error.name === "AbortError" ? "cancelled" : "the service cannot be reached");
    }
  }

  #settle(photo, status, problem) {
    photo.status = status;
    photo.problem = problem;
    this.told(photo);
  }
}
