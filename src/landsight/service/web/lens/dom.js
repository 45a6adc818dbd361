// Nodes and numbers: the page is built of text alone, so that no name is ever markup.

export const $ = (id) => document.getElementById(id);

export function node(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false && value !== undefined) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== ""));
  return made;
}

/** Five figures: enough to add up by hand, few enough to read. */
export function number(value) {
  if (value === null || value === undefined) return "–";
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e6 || size < 1e-4 ? value.toExponential(3) : Number.isInteger(value) ? String(value) : value.toPrecision(size >= 1000 ? 6 : 5);
  return (text.includes(".") && !text.includes("e") ? text.replace(/\.?0+$/, "") : text).replace("-", "−");
}

/** In a sum or a product a negative number stands in brackets. */
export const bracketed = (value) => (value < 0 ? `(${number(value)})` : number(value));

/** 64 × 56 × 56 */
export const by = (shape) => shape.join(" × ");
