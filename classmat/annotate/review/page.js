// The page: what is shown, what keys and pointers do, what is asked of the server.

import { cut, fill, query, trace, union } from "./brush.js";
import { getJSON, patch, picture, post, setReviewer } from "./server.js";
import { View } from "./view.js";

const $ = (id) => document.getElementById(id);
const all = (selector) => [...document.querySelectorAll(selector)];
const LABELS = { foreground: 255, background: 0, unknown: 128 };
const TINTS = { foreground: "#4aa3ff", background: "#ff7a45", unknown: "#ffffff", refine: "#f5f5f5" };
const REASONS = ["Both mattes are wrong", "Blurred or noisy", "No clear subject", "Subject is cut off", "Not a photo"];
const HEARTBEAT = 60_000;
const TYPING = 1_000;  // without a letter, after which a note is saved

const view = new View($("canvas"));
const state = { photo: null, edit: false, tool: "hand", fills: false, refiner: "guided", before: [], loading: 0 };
const strokes = { current: null, waiting: [], mask: null, done: 0 };

// Telling

let quiet;
function tell(text, isBad = false) {
  $("toast").textContent = text;
  $("toast").className = isBad ? "on bad" : "on";
  clearTimeout(quiet);
  quiet = setTimeout(() => { $("toast").className = ""; }, isBad ? 6000 : 2200);
}

/** Run what was asked for; whatever goes wrong is told. */
const safely = (act) => async (...given) => {
  try { return await act(...given); } catch (error) { tell(error.message, true); return undefined; }
};

let running = 0;
/** Wait for an act, and say so if it takes long; without a text it is nothing to wait for. */
async function busily(text, act) {
  $("stage").dataset.running = ++running;
  const late = text && setTimeout(() => { $("busy-text").textContent = text; $("busy").hidden = false; }, 150);
  try { return await act(); } finally {
    clearTimeout(late);
    $("stage").dataset.running = --running;
    if (running === 0 || text) $("busy").hidden = true;
  }
}

const press = (buttons, isOn) => { for (const button of buttons) button.setAttribute("aria-pressed", String(isOn(button))); };
const nice = (method) => method.replace(/-/g, " ");

// Photos

async function overview() {
  const project = await getJSON("project");
  const { ready, chosen, rejected } = project.counts, total = ready + chosen + rejected;
  $("project").textContent = project.name;
  document.title = `${project.name} · classmat review`;
  if (document.activeElement !== $("reviewer")) $("reviewer").value = project.reviewer;
  $("count").textContent = `${chosen + rejected} of ${total}`;
  $("bar").style.width = `${total ? (100 * (chosen + rejected)) / total : 0}%`;
  $("progress").setAttribute("aria-valuemax", total);
  $("progress").setAttribute("aria-valuenow", chosen + rejected);
  return project;
}

/** Go to the photo that `find` gets from the server, once what was painted is there; not twice at once. */
async function go(find) {
  const { dataset } = document.body, before = dataset.state;
  if (before === "going") return;
  dataset.state = "going";
  let photo;
  try {
    await Promise.all([chain, beat]);  // a hold that came later would let go of the next photo
    photo = await find(state.photo);
  } catch (error) {
    dataset.state = before;
    throw error;
  }
  await show(photo);
}

const next = () => go(async (photo) => {
  if (photo) {
    state.before.push(photo.id);
    await post(`photos/${photo.id}/release`);
  }
  return post("claim" + (photo ? `?after=${photo.id}` : ""));
});

async function show(photo) {
  const turn = ++state.loading;
  safely(saveNotes)();
  noted = null;
  Object.assign(state, { photo, edit: false });
  Object.assign(strokes, { current: null, waiting: [], mask: null, done: 0 });
  document.body.dataset.state = photo ? "loading" : "done";
  $("done").hidden = Boolean(photo);
  view.clear();  // nothing can be decided about a photo that is not seen yet
  const project = await overview();
  if (!photo) {
    for (const id of ["name", "facts"]) $(id).textContent = "";
    $("done-text").textContent = `${project.counts.chosen} chosen, ${project.counts.rejected} rejected.`;
    enable();
    return;
  }
  $("name").textContent = photo.name;
  $("facts").textContent = facts(photo);
  $("notes").value = photo.notes;
  noted = photo;
  enable();
  await busily("loading", () => load(photo, turn));
}

const facts = (photo) => [
  `${photo.width} × ${photo.height}`,
  photo.decision && (photo.decision.choice === "reject" ? `rejected by ${photo.decision.reviewer}` : `${nice(photo.decision.choice)} chosen by ${photo.decision.reviewer}`),
].filter(Boolean).join(" · ");

async function load(photo, turn) {
  const base = `photos/${photo.id}/`, isOver = () => turn !== state.loading;
  const [image, trimap, ...mattes] = await Promise.all([
    picture(`${base}image?v=${photo.version}`),
    photo.trimap ? picture(`${base}trimap?v=${photo.trimap}`) : null,
    ...photo.mattes.map((matte) => picture(`${base}mattes/${matte.method}?v=${matte.version}`)),
  ]);
  if (isOver()) return;
  view.open(image);
  if (trimap) view.setTrimap(red(trimap));
  photo.mattes.forEach((matte, k) => view.setLayer(matte.method, red(mattes[k])));
  chooseSides(photo);
  enable();
  await Promise.all(photo.mattes.map(async (matte) => {
    const colours = await picture(`${base}foregrounds/${matte.method}?v=${matte.version}`);
    if (!isOver() && !(matte.method === "edited" && state.edit)) view.setColours(matte.method, colours.data);
  }));
  if (!isOver()) document.body.dataset.state = "ready";
}

function red(image) {
  const plane = new Uint8Array(image.width * image.height);
  for (let i = 0; i < plane.length; i++) plane[i] = image.data[4 * i];
  return plane;
}

function chooseSides(photo) {
  const methods = photo.mattes.map((matte) => matte.method);
  const plain = ["closed-form", "knn", ...methods].filter((method, k, list) => methods.includes(method) && list.indexOf(method) === k && method !== "edited");
  const left = plain[0] || methods[0] || null, right = methods.includes("edited") ? "edited" : plain[1] || left;
  setSides(left, right);
}

function setSides(left, right) {
  view.setSides(left, right);
  for (const [id, method] of [["left", left], ["right", right]]) {
    const select = $(id);
    select.replaceChildren(...[...view.layers.keys()].map((name) => {
      const stale = state.photo.mattes.some((matte) => matte.method === name && matte.stale) && !(name === "edited" && state.edit);
      return new Option(nice(name) + (stale ? " · older" : ""), name, false, name === method);
    }));
    $(id === "left" ? "a-name" : "b-name").textContent = method ? nice(method) : "";
  }
  legend();
}

function enable() {
  const has = Boolean(state.photo), mattes = view.layers.size;
  for (const id of ["choose-a", "choose-b", "choose-blend"]) $(id).disabled = !has || !mattes;
  $("choose-edited").disabled = !has || !view.layers.has("edited");
  for (const id of ["reject", "next", "solve", "notes"]) $(id).disabled = !has;
  $("unpaint").disabled = !strokes.done && !strokes.waiting.length;
  for (const id of ["left-tag", "right-tag", "zoom"]) $(id).hidden = !has || !mattes;
}

// Notes

let noted = null, typing;  // the photo whose notes are in the field
async function saveNotes(options) {
  clearTimeout(typing);
  const text = $("notes").value.trim(), photo = noted;
  if (!photo || text === photo.notes) return;
  const before = photo.notes;
  photo.notes = text;  // at once: a decision that follows shall not save it again
  try { await post(`photos/${photo.id}/note`, { text }, options); } catch (error) { photo.notes = before; throw error; }
  tell("Note saved");
}

// Deciding

const decide = (choice, parameters) => go(async (photo) => {
  if (!photo) return null;
  clearTimeout(typing);
  const notes = $("notes").value.trim();
  const given = notes && notes !== photo.notes ? { notes } : {};
  const shown = photo.mattes.find((matte) => matte.method === choice);
  const version = choice === "edited" && state.edit ? undefined : shown?.version;  // painted here: it is what is seen
  await post(`photos/${photo.id}/decision`, { choice, parameters, version, ...given });
  Object.assign(photo, given);
  state.before.push(photo.id);
  tell(choice === "reject" ? `${photo.name}: rejected` : `${photo.name}: ${nice(choice)}`);
  return post(`claim?after=${photo.id}`);
});

const choose = {
  a: safely(() => view.sides[0] && decide(view.sides[0])),
  b: safely(() => view.sides[1] && decide(view.sides[1])),
  blend: safely(() => view.layers.size && decide("blend", { methods: view.sides, weight: view.weight })),
  edited: safely(() => view.layers.has("edited") && decide("edited")),
  next: safely(next),
  undo: safely(() => go(async () => {
    const photo = await post("undo");
    tell(`${photo.name}: taken back`);
    return photo;
  })),
  previous: safely(async () => {
    const id = state.before.pop();
    if (id === undefined) tell("There is no photo before.");
    else await go(() => post(`photos/${id}/hold`));
  }),
};

function askWhy() {
  if (!state.photo) return;
  $("reason").value = "";
  $("why").showModal();
}

$("reasons").replaceChildren(...REASONS.map((text, k) => {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", textContent: text });
  button.dataset.key = k + 1;
  button.onclick = () => { $("reason").value = text; $("why").close("reject"); };
  return button;
}));
$("why").addEventListener("keydown", (event) => {
  const k = Number(event.key) - 1;
  if (event.target.tagName !== "INPUT" && REASONS[k]) { event.preventDefault(); $("reasons").children[k].click(); }
});
$("reason").addEventListener("keydown", (event) => {
  if (event.key === "Enter") { event.preventDefault(); $("why-ok").click(); }
});
$("why").addEventListener("close", safely(async () => {
  const reason = $("reason").value.trim();
  if ($("why").returnValue === "reject") {
    if (reason) await decide("reject", { reason });
    else tell("A rejection needs a reason.", true);
  }
  $("why").returnValue = "";
}));

// Painting. Strokes show at once; the server answers in order, with what the matte became.

let chain = Promise.resolve(), beat = chain;
function inTurn(act) {
  chain = chain.then(act).catch(async (error) => {
    tell(error.message, true);
    strokes.waiting = [];
    if (state.photo && state.edit) {
      const whole = await patch(`photos/${state.photo.id}/current`).catch(() => null);
      if (whole) view.apply("edited", whole);
    }
  });
  return chain;
}

function beginEdit(side) {
  if (state.edit) return;
  const base = view.sides[side], layer = view.layers.get(base), { photo } = state;
  state.edit = true;
  if (base !== "edited") view.setLayer("edited", layer.alpha.slice(), layer.colours.slice());
  setSides(base === "edited" ? view.sides[0] : base, "edited");
  view.set({ wipe: view.sides[0] === "edited" ? view.wipe : 0 });
  sliders();
  enable();
  inTurn(() => busily("opening", async () => take(await patch(`photos/${photo.id}/edit?base=${base}`), photo)));
}

/** Show a patch, and on top of it what was painted since it was asked for. */
function take(part, photo) {
  if (!part || photo !== state.photo) return;
  view.apply("edited", part);
  for (const stroke of [...strokes.waiting, strokes.current]) if (stroke) replay(stroke);
}

function mark(stroke) {
  const alpha = view.layers.get("edited").alpha, { label } = stroke;
  return (i) => {
    view.trimap[i] = label;
    if (label !== 128) alpha[i] = label;
  };
}

function replay(stroke) {
  if (stroke.label === undefined) return;
  const put = mark(stroke);
  if (stroke.filled) stroke.filled.forEach(put);
  stroke.points.slice(1).forEach((point, k) => trace(view.width, view.height, stroke.points[k], point, stroke.radius, put));
  if (stroke.points.length === 1) trace(view.width, view.height, stroke.points[0], stroke.points[0], stroke.radius, put);
  if (stroke.box) view.touch("edited", stroke.box);
}

function startStroke(point, side) {
  if (!view.trimap || !view.layers.size) return;
  beginEdit(side);
  const stroke = { label: LABELS[state.tool], radius: radius(), points: [], box: null, filled: null };
  if (stroke.label === undefined) strokes.mask = new Uint8Array(view.width * view.height);
  strokes.current = stroke;
  if (state.fills && stroke.label !== undefined) {
    const put = mark(stroke);
    stroke.filled = [];
    stroke.box = fill(view.trimap, view.width, view.height, ...point, stroke.label, (i) => { stroke.filled.push(i); put(i); });
    if (stroke.box) view.touch("edited", stroke.box);
    endStroke();
  } else {
    stretchStroke(point);
  }
}

function stretchStroke(point) {
  const stroke = strokes.current, last = stroke.points.at(-1) || point;
  const put = stroke.label === undefined
    ? (i, nearness) => { strokes.mask[i] = Math.max(strokes.mask[i], Math.min(255, Math.round(510 * nearness))); }
    : mark(stroke);
  const box = trace(view.width, view.height, last, point, stroke.radius, put);
  stroke.points.push(point);
  stroke.box = union(stroke.box, box);
  if (box && stroke.label !== undefined) view.touch("edited", box);
  else view.set({ trail: { points: stroke.points, radius: stroke.radius } });
}

function endStroke() {
  const stroke = strokes.current, { photo } = state;
  strokes.current = null;
  view.set({ trail: null });
  if (!stroke || !stroke.box) return;
  strokes.waiting.push(stroke);
  enable();
  const isRefinement = stroke.label === undefined, { mask } = strokes;
  const detail = $("detail").value / 100;
  inTurn(() => busily(isRefinement ? "refining" : "solving", async () => {
    if (photo !== state.photo) return;
    const bytes = cut(isRefinement ? mask : view.trimap, view.width, stroke.box);
    const path = isRefinement ? `refinements?method=${state.refiner}&detail=${detail}&` : "strokes?";
    const begin = performance.now();
    const part = await patch(`photos/${photo.id}/${path}${query(stroke.box)}`, bytes);
    $("stage").dataset.latency = Math.round(performance.now() - begin);
    strokes.waiting.shift();
    strokes.done++;
    take(part, photo);
    enable();
    if (part && !part.settled) inTurn(() => settle(photo));
  }));
}

async function settle(photo) {
  if (strokes.waiting.length || strokes.current || photo !== state.photo) return;
  const part = await busily("", () => patch(`photos/${photo.id}/settle`));
  take(part, photo);
  if (part && !part.settled) inTurn(() => settle(photo));
}

function editAll(path, text) {
  const { photo } = state;
  if (!photo || !view.layers.size) return;
  if (path === "solve") beginEdit(0);
  if (!state.edit) return;
  inTurn(() => busily(text, async () => {
    const part = await patch(`photos/${photo.id}/${path}`);
    strokes.done = path === "solve" ? strokes.done + 1 : part ? Math.max(0, strokes.done - 1) : 0;
    take(part, photo);
    enable();
  }));
}

// Tools and looks

const radius = () => 0.5 * 2 ** (($("size").value / 100) * 10);

function setTool(tool) {
  state.tool = document.body.dataset.tool = tool;
  press(all("#tools [data-tool]"), (button) => button.dataset.tool === tool);
  view.set({ showTrimap: tool !== "hand" && tool !== "refine", cursor: null });
  stage.style.cursor = tool === "hand" ? "grab" : "none";
}

function setMode(mode) {
  view.set({ mode });
  press(all("#modes button"), (button) => button.dataset.mode === mode);
  legend();
}

function legend() {
  const [a, b] = view.sides.map((method) => (method ? nice(method) : ""));
  const told = {
    difference: `amber: A (${a}) is more opaque · blue: B (${b}) is`,
    blend: `${Math.round(100 * view.weight)} % ${a}, ${Math.round(100 - 100 * view.weight)} % ${b}`,
    photo: "the photo as it is",
  }[view.mode];
  $("legend").hidden = !told || !state.photo;
  $("legend").textContent = told || "";
  $("canvas").setAttribute("aria-label", { cutout: `Cut-out, ${a} on the left, ${b} on the right`, matte: `Matte, ${a} on the left, ${b} on the right` }[view.mode] || told);
}

const BACKDROPS = ["black", "white", "checker", "colour", "picture"];
function setBackdrop(backdrop) {
  view.set({ backdrop });
  press(all("[data-backdrop]"), (button) => button.dataset.backdrop === backdrop);
  $("colour").setAttribute("aria-current", String(backdrop === "colour"));
}

function sliders() {
  $("wipe").value = 100 * view.wipe;
  $("wipe-value").textContent = `${Math.round(100 * view.wipe)} %`;
  $("weight-value").textContent = `${$("weight").value} %`;
  $("size-value").textContent = `${Math.max(1, Math.round(2 * radius()))} px`;
  $("opacity-value").textContent = `${$("opacity").value} %`;
  $("detail-value").textContent = `${$("detail").value} %`;
}

function setWipe(wipe) { view.set({ wipe: Math.min(1, Math.max(0, wipe)) }); sliders(); }
function setSize(value) { $("size").value = value; sliders(); if (view.cursor) view.set({ cursor: { ...view.cursor, radius: radius() } }); }

view.onDraw = () => {
  const percent = 100 * view.scale * (view.ratio || 1);
  $("zoom-value").textContent = `${percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
};

// Pointers: one paints, drags the wipe or moves the photo; two zoom

const stage = $("stage"), pointers = new Map();
let drag = null, isSpace = false;
let touched = null;  // where a finger went down that may yet be the first of two

const place = (event) => {
  const box = stage.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};

function nearWipe([x, y]) {
  if (!view.hasWipe || !state.photo) return false;
  if (Math.hypot(x - view.wipeX, y - view.knob) < 18 * view.unit) return true;
  return state.tool === "hand" && Math.abs(x - view.wipeX) < 9;
}

stage.addEventListener("pointerdown", (event) => {
  if (event.target !== $("canvas") || !state.photo) return;
  stage.focus({ preventScroll: true });
  stage.setPointerCapture(event.pointerId);
  const at = place(event);
  pointers.set(event.pointerId, at);
  if (pointers.size === 2) {
    if (drag === "stroke" && strokes.current) endStroke();
    touched = null;
    drag = "pinch";
  } else if (nearWipe(at)) {
    drag = "wipe";
  } else if (state.tool === "hand" || isSpace || event.button === 1) {
    drag = "move";
  } else if (event.button === 0) {
    drag = "stroke";
    if (event.pointerType === "touch") touched = at;
    else strokeFrom(at);
  }
  event.preventDefault();
});

function strokeFrom(at) { startStroke(view.toPhoto(...at), at[0] < view.wipeX || !view.hasWipe ? 0 : 1); }

stage.addEventListener("pointermove", (event) => {
  const at = place(event), last = pointers.get(event.pointerId);
  hover(event, at);
  if (!last) return;
  if (drag === "pinch" && pointers.size === 2) {
    const [p, q] = [...pointers.values()];
    const before = Math.hypot(p[0] - q[0], p[1] - q[1]), middle = [(p[0] + q[0]) / 2, (p[1] + q[1]) / 2];
    pointers.set(event.pointerId, at);
    const [r, s] = [...pointers.values()];
    view.move((r[0] + s[0]) / 2 - middle[0], (r[1] + s[1]) / 2 - middle[1]);
    view.zoom(Math.hypot(r[0] - s[0], r[1] - s[1]) / Math.max(1, before), (r[0] + s[0]) / 2, (r[1] + s[1]) / 2);
    return;
  }
  pointers.set(event.pointerId, at);
  if (drag === "wipe") setWipe(view.wipeTo(at[0]));
  if (drag === "move") view.move(at[0] - last[0], at[1] - last[1]);
  if (touched && Math.hypot(at[0] - touched[0], at[1] - touched[1]) > 4) {
    strokeFrom(touched);
    touched = null;
  }
  if (drag === "stroke" && strokes.current) {
    for (const step of event.getCoalescedEvents?.() || [event]) stretchStroke(view.toPhoto(...place(step)));
  }
});

function hover(event, [x, y]) {
  const isBrush = state.tool !== "hand" && !isSpace && state.photo && event.pointerType !== "touch";
  const onWipe = nearWipe([x, y]) && drag !== "stroke";
  stage.style.cursor = onWipe ? "ew-resize" : isBrush && event.target === $("canvas") ? "none" : drag === "move" ? "grabbing" : "grab";
  const cursor = isBrush && !onWipe ? { x, y, radius: state.fills && state.tool !== "refine" ? 1 : radius(), colour: TINTS[state.tool] } : null;
  if (cursor || view.cursor) view.set({ cursor });
}

for (const name of ["pointerup", "pointercancel"]) {
  stage.addEventListener(name, (event) => {
    if (!pointers.delete(event.pointerId)) return;
    if (touched && name === "pointerup") strokeFrom(touched);
    touched = null;
    if (drag === "stroke" && strokes.current) endStroke();
    if (!pointers.size) drag = null;
  });
}
stage.addEventListener("pointerleave", () => view.set({ cursor: null }));
stage.addEventListener("wheel", (event) => {
  if (!state.photo) return;
  event.preventDefault();
  view.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0018)), ...place(event));
}, { passive: false });

// Keys

const STEP = 60;
const keys = {
  a: choose.a, b: choose.b, m: choose.blend, e: choose.edited, x: askWhy, n: choose.next, p: choose.previous, u: choose.undo,
  1: () => setMode("cutout"), 2: () => setMode("matte"), 3: () => setMode("difference"), 4: () => setMode("blend"), 5: () => setMode("photo"),
  c: () => setBackdrop(BACKDROPS[(BACKDROPS.indexOf(view.backdrop) + 1) % BACKDROPS.length]),
  ",": () => setWipe(view.wipe - 0.05), ".": () => setWipe(view.wipe + 0.05), "/": () => setWipe(view.wipe > 0.5 ? 0 : 1),
  "+": () => view.zoom(1.25), "=": () => view.zoom(1.25), "-": () => view.zoom(0.8), 0: () => view.fit(), 9: () => view.oneToOne(),
  ArrowLeft: () => view.move(STEP, 0), ArrowRight: () => view.move(-STEP, 0), ArrowUp: () => view.move(0, STEP), ArrowDown: () => view.move(0, -STEP),
  h: () => setTool("hand"), f: () => setTool("foreground"), g: () => setTool("background"), t: () => setTool("unknown"), r: () => setTool("refine"),
  l: () => $("fill").click(), v: () => view.set({ showTrimap: !view.showTrimap }), s: () => $("solve").click(),
  "[": () => setSize(+$("size").value - 4), "]": () => setSize(+$("size").value + 4),
  o: () => safely(openOverview)(), "?": () => $("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  const isText = event.target.matches("textarea, select, input:not([type=range])");
  if (document.querySelector("dialog[open]") || isText) {
    if (event.key === "Escape" && isText) event.target.blur();
    return;
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if ((event.ctrlKey || event.metaKey) && key === "z") { event.preventDefault(); $("unpaint").click(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (key === " " && event.target.tagName !== "BUTTON") { isSpace = true; event.preventDefault(); return; }
  if (key.startsWith("Arrow") && event.target.matches("input[type=range]")) return;
  if (keys[key] && (!event.repeat || /^([,.+=\-[\]]|Arrow.*)$/.test(key))) { event.preventDefault(); keys[key](); }
});
document.addEventListener("keyup", (event) => { if (event.key === " ") isSpace = false; });

// Wiring

async function openOverview() {
  const photos = await getJSON(`photos?around=${state.photo?.id || 0}`);
  $("photos").replaceChildren(...photos.map((photo) => {
    const item = document.createElement("li"), button = document.createElement("button"), small = document.createElement("small");
    button.type = "button";
    button.dataset.state = small.textContent = photo.state;
    button.append(photo.name, small);
    button.disabled = !["ready", "chosen", "rejected"].includes(photo.state);
    button.onclick = safely(async () => {
      $("overview").close();
      await go(() => post(`photos/${photo.id}/hold`));
    });
    item.append(button);
    return item;
  }));
  $("overview").showModal();
}

const clicks = {
  "choose-a": choose.a, "choose-b": choose.b, "choose-blend": choose.blend, "choose-edited": choose.edited, reject: askWhy,
  next: choose.next, undo: choose.undo, "done-undo": choose.undo, "help-open": keys["?"], "overview-open": keys.o,
  "zoom-in": keys["+"], "zoom-out": keys["-"], "zoom-fit": keys[0],
  unpaint: () => editAll("unpaint", "undoing"), solve: () => editAll("solve", "solving all"),
  fill: () => { state.fills = !state.fills; press([$("fill")], () => state.fills); if (state.fills && !LABELS[state.tool] && state.tool !== "background") setTool("foreground"); },
};
for (const [id, act] of Object.entries(clicks)) $(id).addEventListener("click", act);
for (const button of all("#tools [data-tool]")) button.addEventListener("click", () => setTool(button.dataset.tool));
for (const button of all("#modes button")) button.addEventListener("click", () => setMode(button.dataset.mode));
for (const button of all("[data-backdrop]")) button.addEventListener("click", () => setBackdrop(button.dataset.backdrop));
for (const button of all("#refiners button")) {
  button.addEventListener("click", () => {
    state.refiner = button.dataset.refiner;
    press(all("#refiners button"), (other) => other === button);
  });
}
for (const button of all("#tabs button")) {
  button.addEventListener("click", () => {
    document.querySelector("aside").dataset.panel = button.dataset.panel;
    press(all("#tabs button"), (other) => other === button);
    if (button.dataset.panel !== "paint") setTool("hand");
  });
}
$("wipe").addEventListener("input", () => setWipe($("wipe").value / 100));
$("weight").addEventListener("input", () => { view.setWeight($("weight").value / 100); sliders(); legend(); });
$("size").addEventListener("input", () => setSize($("size").value));
$("opacity").addEventListener("input", () => { view.set({ opacity: $("opacity").value / 100, showTrimap: true }); sliders(); });
$("detail").addEventListener("input", sliders);
$("colour").addEventListener("input", () => { view.set({ colour: $("colour").value }); setBackdrop("colour"); });
$("colour").addEventListener("click", () => setBackdrop("colour"));
$("left").addEventListener("change", () => setSides($("left").value, view.sides[1]));
$("right").addEventListener("change", () => setSides(view.sides[0], $("right").value));
$("file").addEventListener("change", safely(async () => {
  const [file] = $("file").files;
  if (file) { view.set({ picture: await createImageBitmap(file) }); setBackdrop("picture"); }
}));
$("notes").addEventListener("change", safely(() => saveNotes()));
$("notes").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(safely(saveNotes), TYPING);
});
window.addEventListener("pagehide", () => safely(saveNotes)({ keepalive: true }));
$("reviewer").addEventListener("change", safely(async () => {
  await go(async (photo) => {
    if (photo) await post(`photos/${photo.id}/release`);
    setReviewer($("reviewer").value.trim());
    state.before = [];
    return post("claim");
  });
}));
setInterval(() => {
  if (state.photo && document.body.dataset.state !== "going") beat = safely(() => post(`photos/${state.photo.id}/hold`))();
}, HEARTBEAT);

sliders();
safely(async () => show(await post("claim")))();
