// The OpenAPI document of this service, to read and to try, drawn by the Swagger UI that lies beside it.
const $ = (id) => document.getElementById(id);
const dark = matchMedia("(prefers-color-scheme: dark)");

function paint() { document.documentElement.classList.toggle("dark-mode", dark.matches); }
dark.addEventListener("change", paint);
paint();

function asksToken() {
  $("token-row").hidden = false;
  $("token").focus();
  return new Promise((resolve) => {
    $("token-row").addEventListener("submit", (event) => { event.preventDefault(); $("token-row").hidden = true; resolve($("token").value); }, { once: true });
  });
}

async function read(token = "") {
  const reply = await fetch("openapi.json", { headers: token ? { Authorization: `Bearer ${token}` } : {} });
  if (reply.status === 401) return read(await asksToken());
  if (!reply.ok) throw new Error(`the service answered ${reply.status}`);
  return { document: await reply.json(), token };
}

try {
  const { document: spec, token } = await read();
  spec.servers = [{ url: new URL(".", location.href).href.replace(/\/$/, "") }];
  const ui = SwaggerUIBundle({
    spec, domNode: $("api"), deepLinking: true, defaultModelsExpandDepth: 0, docExpansion: "list", tryItOutEnabled: true, validatorUrl: null,
    onComplete: () => { if (token) ui.preauthorizeApiKey("token", token); },
  });
} catch (error) {
  $("failed").textContent = `The description cannot be shown: ${error.message}.`;
}
