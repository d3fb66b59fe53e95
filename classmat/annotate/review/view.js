// The stage: photo, cut-outs, difference map, trimap, wipe and brush, drawn at any zoom.

const AMBER = [224, 174, 92], BLUE = [111, 168, 220];
const FOREGROUND = [74, 163, 255], BACKGROUND = [255, 122, 69];

/** A picture of the photo's size that is computed from others, as a whole or in a box. */
class Plane {
  constructor(width, height, write) {
    this.canvas = new OffscreenCanvas(width, height);
    this.context = this.canvas.getContext("2d");
    this.write = write;
    this.draw({ left: 0, top: 0, columns: width, rows: height });
  }

  draw({ left, top, columns, rows }) {
    if (columns <= 0 || rows <= 0) return;
    const part = new ImageData(columns, rows), width = this.canvas.width;
    for (let y = 0, j = 0; y < rows; y++) {
      for (let x = 0, i = (top + y) * width + left; x < columns; x++, i++, j += 4) this.write(part.data, j, i);
    }
    this.context.putImageData(part, left, top);
  }
}

export class View {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    Object.assign(this, { mode: "cutout", backdrop: "checker", colour: "#2f7d4f", wipe: 0.5, weight: 0.5, opacity: 0.35 });
    Object.assign(this, { unit: 1, showTrimap: false, cursor: null, trail: null, sides: [null, null], picture: paintedBackdrop() });
    this.clear();
    new ResizeObserver(() => { this.resize(); }).observe(canvas);
  }

  clear() {
    Object.assign(this, { width: 0, height: 0, photo: null, trimap: null, overlay: null, layers: new Map(), mixed: {} });
    this.sides = [null, null];
    this.redraw();
  }

  /** Begin with a photo (ImageData), fitted into the stage. */
  open(photo) {
    this.clear();
    Object.assign(this, { width: photo.width, height: photo.height, photo });
    this.photoPlane = new OffscreenCanvas(photo.width, photo.height);
    this.photoPlane.getContext("2d").putImageData(photo, 0, 0);
    this.fit();
  }

  get everything() { return { left: 0, top: 0, columns: this.width, rows: this.height }; }

  /** Set a matte (a byte a pixel); colours are RGBA levels of the foreground, the photo's until they are known. */
  setLayer(method, alpha, colours = null) {
    const layer = { alpha, colours: colours || this.photo.data.slice() };
    layer.cutout = new Plane(this.width, this.height, (d, j, i) => {
      const k = 4 * i;
      d[j] = layer.colours[k]; d[j + 1] = layer.colours[k + 1]; d[j + 2] = layer.colours[k + 2]; d[j + 3] = layer.alpha[i];
    });
    this.layers.set(method, layer);
    this.mixed = {};
    this.redraw();
  }

  setColours(method, colours) {
    const layer = this.layers.get(method);
    layer.colours = colours;
    layer.cutout.draw(this.everything);
    this.mixed = {};
    this.redraw();
  }

  setTrimap(trimap) {
    this.trimap = trimap;
    this.overlay = new Plane(this.width, this.height, (d, j, i) => {
      const label = this.trimap[i];
      if (label === 128) return;
      const colour = label === 255 ? FOREGROUND : BACKGROUND;
      d[j] = colour[0]; d[j + 1] = colour[1]; d[j + 2] = colour[2]; d[j + 3] = 255;
    });
    this.redraw();
  }

  /** Show what the server says of a part: alpha, colours (RGB), trimap. */
  apply(method, patch) {
    const layer = this.layers.get(method);
    for (let y = 0, j = 0; y < patch.rows; y++) {
      for (let x = 0, i = (patch.top + y) * this.width + patch.left; x < patch.columns; x++, i++, j++) {
        layer.alpha[i] = patch.alpha[j];
        this.trimap[i] = patch.trimap[j];
        for (let c = 0; c < 3; c++) layer.colours[4 * i + c] = patch.colours[3 * j + c];
      }
    }
    this.touch(method, patch);
  }

  /** Draw a part anew of all that depends on a matte and the trimap. */
  touch(method, box) {
    const layer = this.layers.get(method);
    if (layer) {
      layer.cutout.draw(box);
      if (layer.matte) layer.matte.draw(box);
      for (const plane of Object.values(this.mixed)) plane.draw(box);
    }
    this.overlay.draw(box);
    this.redraw();
  }

  /** Return the picture of one side, or of both, in the present mode. */
  plane(side) {
    const [a, b] = this.sides.map((method) => this.layers.get(method));
    const layer = side ? b : a;
    if (this.mode === "photo" || !a || !b) return this.photoPlane;
    if (this.mode === "cutout") return layer.cutout.canvas;
    if (this.mode === "matte") {
      layer.matte ||= new Plane(this.width, this.height, (d, j, i) => {
        d[j] = d[j + 1] = d[j + 2] = layer.alpha[i]; d[j + 3] = 255;
      });
      return layer.matte.canvas;
    }
    if (this.mode === "difference") {
      this.mixed.difference ||= new Plane(this.width, this.height, (d, j, i) => {
        const difference = a.alpha[i] - b.alpha[i], k = 4 * i, photo = this.photo.data;
        const grey = 0.3 * (0.3 * photo[k] + 0.59 * photo[k + 1] + 0.11 * photo[k + 2]);
        const strength = Math.sqrt(Math.abs(difference) / 255), colour = difference > 0 ? AMBER : BLUE;
        for (let c = 0; c < 3; c++) d[j + c] = grey + strength * (colour[c] - grey);
        d[j + 3] = 255;
      });
      return this.mixed.difference.canvas;
    }
    this.mixed.blend ||= new Plane(this.width, this.height, (d, j, i) => {
      const k = 4 * i, share = this.weight;
      for (let c = 0; c < 3; c++) d[j + c] = share * a.colours[k + c] + (1 - share) * b.colours[k + c];
      d[j + 3] = share * a.alpha[i] + (1 - share) * b.alpha[i];
    });
    return this.mixed.blend.canvas;
  }

  setSides(left, right) { this.sides = [left, right]; this.mixed = {}; this.redraw(); }
  setWeight(weight) { this.weight = weight; delete this.mixed.blend; this.redraw(); }
  set(values) { Object.assign(this, values); this.redraw(); }
  get hasWipe() { return this.mode === "cutout" || this.mode === "matte"; }

  // Where things are: (x, y) is the photo's upper left corner on the stage, in CSS pixels.

  resize() {
    const ratio = window.devicePixelRatio || 1, box = this.canvas.getBoundingClientRect();
    const wasFitted = !this.moved;
    this.unit = parseFloat(getComputedStyle(document.documentElement).fontSize) / 15;  // larger on large screens, as the text
    this.canvas.width = Math.max(1, Math.round(box.width * ratio));
    this.canvas.height = Math.max(1, Math.round(box.height * ratio));
    Object.assign(this, { ratio, stageWidth: box.width, stageHeight: box.height });
    if (wasFitted) this.fit();
    this.redraw();
  }

  fit() {
    if (!this.width || !this.stageWidth) return;
    const margin = Math.min(24, this.stageWidth / 40);
    this.scale = Math.min((this.stageWidth - 2 * margin) / this.width, (this.stageHeight - 2 * margin) / this.height);
    this.x = (this.stageWidth - this.scale * this.width) / 2;
    this.y = (this.stageHeight - this.scale * this.height) / 2;
    this.moved = false;
    this.redraw();
  }

  zoom(factor, x = this.stageWidth / 2, y = this.stageHeight / 2) {
    const least = Math.min(1, 0.25 * Math.min(this.stageWidth / this.width, this.stageHeight / this.height));
    const scale = Math.min(64, Math.max(least, this.scale * factor)), ratio = scale / this.scale;
    this.x = x - ratio * (x - this.x);
    this.y = y - ratio * (y - this.y);
    this.scale = scale;
    this.keep();
  }

  oneToOne() { this.zoom(1 / this.ratio / this.scale); }
  move(dx, dy) { this.x += dx; this.y += dy; this.keep(); }

  keep() {  // some of the photo stays on the stage
    this.x = Math.min(this.stageWidth - 40, Math.max(40 - this.scale * this.width, this.x));
    this.y = Math.min(this.stageHeight - 40, Math.max(40 - this.scale * this.height, this.y));
    if (this.scale * this.ratio >= 1) {  // pixels of the photo begin where pixels of the screen do
      this.x = Math.round(this.x * this.ratio) / this.ratio;
      this.y = Math.round(this.y * this.ratio) / this.ratio;
    }
    this.moved = true;
    this.redraw();
  }

  toPhoto(x, y) { return [(x - this.x) / this.scale, (y - this.y) / this.scale]; }

  get span() { return [Math.max(0, this.x), Math.min(this.stageWidth, this.x + this.scale * this.width)]; }
  get wipeX() { const [left, right] = this.span; return left + this.wipe * (right - left); }
  wipeTo(x) { const [left, right] = this.span; return Math.min(1, Math.max(0, (x - left) / Math.max(1, right - left))); }

  redraw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.render(); });
  }

  render() {
    const g = this.context, ratio = this.ratio || 1;
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.fillStyle = "#232323";
    g.fillRect(0, 0, this.stageWidth, this.stageHeight);
    if (!this.photo) return;
    const w = this.scale * this.width, h = this.scale * this.height;
    g.imageSmoothingEnabled = this.scale * ratio < 4;
    g.imageSmoothingQuality = "high";
    if (this.mode === "cutout" || this.mode === "blend") this.drawBackdrop(g, w, h);
    const cut = this.hasWipe ? this.wipeX : this.stageWidth;
    this.drawPart(g, this.plane(0), 0, cut, w, h);
    if (this.hasWipe) this.drawPart(g, this.plane(1), cut, this.stageWidth, w, h);
    if (this.showTrimap && this.overlay) {
      g.globalAlpha = this.opacity;
      g.drawImage(this.overlay.canvas, this.x, this.y, w, h);
      g.globalAlpha = 1;
    }
    if (this.hasWipe) this.drawWipe(g, cut);
    if (this.trail) this.drawTrail(g);
    if (this.cursor) this.drawCursor(g);
    this.canvas.dataset.place = JSON.stringify([this.x, this.y, this.scale]);
    this.onDraw?.();
  }

  drawPart(g, picture, from, to, w, h) {
    if (to <= from) return;
    g.save();
    g.beginPath();
    g.rect(from, 0, to - from, this.stageHeight);
    g.clip();
    g.drawImage(picture, this.x, this.y, w, h);
    g.restore();
  }

  drawBackdrop(g, w, h) {
    g.save();
    g.beginPath();
    g.rect(this.x, this.y, w, h);
    g.clip();
    if (this.backdrop === "picture") {
      const { width, height } = this.picture, scale = Math.max(w / width, h / height);
      g.drawImage(this.picture, this.x + (w - scale * width) / 2, this.y + (h - scale * height) / 2, scale * width, scale * height);
    } else if (this.backdrop === "checker") {
      g.fillStyle = g.createPattern(this.checker(), "repeat");
      g.fill();
    } else {
      g.fillStyle = { black: "#000", white: "#fff", colour: this.colour }[this.backdrop];
      g.fill();
    }
    g.restore();
  }

  checker() {
    const side = Math.round(12 * this.unit);
    if (this.tile?.width !== 2 * side) {
      this.tile = new OffscreenCanvas(2 * side, 2 * side);
      const g = this.tile.getContext("2d");
      g.fillStyle = "#e2e2e2"; g.fillRect(0, 0, 2 * side, 2 * side);
      g.fillStyle = "#b8b8b8"; g.fillRect(0, 0, side, side); g.fillRect(side, side, side, side);
    }
    return this.tile;
  }

  drawWipe(g, x) {
    const top = Math.max(0, this.y), bottom = Math.min(this.stageHeight, this.y + this.scale * this.height);
    const unit = this.unit, middle = bottom - Math.min(60 * unit, (bottom - top) / 6);
    g.lineWidth = 3 * unit; g.strokeStyle = "#0007";
    line(g, x, top, bottom);
    g.lineWidth = 1.25 * unit; g.strokeStyle = "#fff";
    line(g, x, top, bottom);
    this.knob = middle;
    for (const [colour, from] of [["#e0ae5c", 0.5], ["#6fa8dc", 1.5]]) {
      g.fillStyle = colour;
      g.beginPath();
      g.arc(x, middle, 11 * unit, from * Math.PI, (from + 1) * Math.PI);
      g.fill();
    }
    g.strokeStyle = "#fff"; g.lineWidth = 2 * unit;
    g.beginPath(); g.arc(x, middle, 11 * unit, 0, 7); g.stroke();
  }

  drawTrail(g) {
    g.lineWidth = 2 * this.trail.radius * this.scale; g.lineCap = g.lineJoin = "round"; g.strokeStyle = "#fff5";
    g.beginPath();
    for (const [x, y] of this.trail.points) g.lineTo(this.x + x * this.scale, this.y + y * this.scale + 0.01);
    g.stroke();
  }

  drawCursor(g) {
    const { x, y, radius, colour } = this.cursor;
    for (const [style, width] of [["#000a", 3 * this.unit], [colour, 1.5 * this.unit]]) {
      g.strokeStyle = style; g.lineWidth = width;
      g.beginPath(); g.arc(x, y, Math.max(2, radius * this.scale), 0, 7); g.stroke();
    }
  }
}

function line(g, x, top, bottom) { g.beginPath(); g.moveTo(x, top); g.lineTo(x, bottom); g.stroke(); }

/** A blurred evening, the same every time: something to judge hair on when there is no picture at hand. */
function paintedBackdrop() {
  const canvas = new OffscreenCanvas(960, 640), g = canvas.getContext("2d");
  const sky = g.createLinearGradient(0, 0, 0, 640);
  for (const [at, colour] of [[0, "#2c4058"], [0.55, "#8a7f78"], [0.62, "#5d5a50"], [1, "#2f332c"]]) sky.addColorStop(at, colour);
  g.fillStyle = sky;
  g.fillRect(0, 0, 960, 640);
  g.filter = "blur(2px)";
  let seed = 7;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  for (let k = 0; k < 70; k++) {
    const x = 960 * random(), y = 640 * random(), r = 14 + 60 * random() ** 2, warm = random();
    g.fillStyle = `hsl(${warm < 0.6 ? 38 + 14 * random() : 150 + 60 * random()} ${40 + 30 * random()}% ${50 + 25 * random()}% / ${0.08 + 0.22 * random()})`;
    g.beginPath(); g.arc(x, y, r, 0, 7); g.fill();
  }
  return canvas;
}
