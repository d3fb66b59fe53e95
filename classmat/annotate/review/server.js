// What the page asks of the server. Every answer is JSON, a picture, or a patch of the matte.

let reviewer = localStorage.getItem("classmat-reviewer") || "";

export function setReviewer(name) {
  reviewer = name;
  localStorage.setItem("classmat-reviewer", name);
}

async function ask(path, options = {}) {
  const headers = { "X-Reviewer": encodeURIComponent(reviewer), ...(options.headers || {}) };
  let response;
  try {
    response = await fetch("api/" + path, { ...options, headers });
  } catch {
    throw new Error("The server does not answer. Is it still running?");
  }
  if (response.ok) return response;
  const told = await response.text();
  let sentence = told;
  try { sentence = JSON.parse(told).error; } catch { /* plain text */ }
  const error = new Error(sentence || response.statusText);
  error.status = response.status;
  throw error;
}

export const getJSON = async (path) => (await ask(path)).json();

export const post = async (path, data, options = {}) =>
  (await ask(path, { ...options, method: "POST", body: data && JSON.stringify(data), headers: data && { "Content-Type": "application/json" } })).json();

/** Post bytes or nothing; returns {box, settled, base, alpha, trimap, colours}, or null if nothing changed. */
export async function patch(path, bytes) {
  const response = await ask(path, { method: "POST", body: bytes, headers: bytes && { "Content-Type": "application/octet-stream" } });
  if (response.status === 204) return null;
  const told = JSON.parse(response.headers.get("X-Patch"));
  const data = new Uint8Array(await response.arrayBuffer());
  const [top, left, bottom, right] = told.box;
  const n = (bottom - top) * (right - left);
  return { ...told, top, left, rows: bottom - top, columns: right - left,
    alpha: data.subarray(0, n), trimap: data.subarray(n, 2 * n), colours: data.subarray(2 * n) };
}

/** Fetch a picture; returns its RGBA levels, not altered by colour management. */
export async function picture(path) {
  const blob = await (await ask(path)).blob();
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, canvas.width, canvas.height);
}
