// Correcting a mask by hand: a copy of what the threshold gives, painted on, kept for each slice.
const UNDO_KEPT = 40;

class Brush {
  constructor(bar, changed) {
    this.bar = bar;
    this.changed = changed;
    this.edits = new Map(); // "scene|layer|slice" -> {pixels, undo}
    this.adding = true;
    const pick = (name) => bar.querySelector(`[name=${name}]`);
    [this.toggle, this.range] = [pick("correct"), pick("size")];
    this.toggle.addEventListener("input", () => changed(false));
    this.range.addEventListener("input", () => changed(false));
    bar.addEventListener("click", (event) => {
      const wanted = event.target.dataset?.brush;
      if (wanted === "add" || wanted === "erase") this.adding = wanted === "add";
      if (wanted === "undo") this.undo();
      if (wanted === "reset") this.reset();
      if (wanted) changed(false);
    });
  }

  get on() {
    return this.toggle.checked && !this.toggle.closest("[hidden]");
  }

  get radius() {
    return Number(this.range.value) / 2;
  }

  show() {
    this.bar.querySelector(".brushes").hidden = !this.on;
    for (const button of this.bar.querySelectorAll("[data-brush]")) {
      const kind = button.dataset.brush;
      if (kind === "add" || kind === "erase")
        button.setAttribute("aria-pressed", String((kind === "add") === this.adding));
      else button.disabled = !(this.last && this.edits.has(this.last));
    }
    this.bar.querySelector("[name=size] + output").textContent = `${this.range.value} px`;
  }

  // The layer as it counts: the corrected mask where there is one.
  effective(key, layer) {
    const edit = layer && this.edits.get(key);
    if (!edit) return layer;
    edit.as ??= correctedLayer(layer, edit.pixels);
    return edit.as;
  }

  // How many pixels of the scan a corrected mask has; undefined where nothing was corrected.
  area(key, scale) {
    const edit = this.edits.get(key);
    if (!edit) return undefined;
    edit.area ??= Math.round(scale * edit.pixels.reduce((sum, value) => sum + (value > 0), 0));
    return edit.area;
  }

  begin(key, layer, level) {
    this.last = key;
    const before = this.edits.get(key);
    const pixels = before?.pixels ?? layer.pixels.map((value) => (value >= level ? STEPS : 0));
    const undo = [...(before?.undo ?? []), before ? pixels.slice() : null].slice(-UNDO_KEPT);
    this.edits.set(key, { pixels, undo, as: null, area: null });
  }

  // A stroke from (x0, y0) to (x1, y1) in pixels of the image; tall is a pixel's height in widths.
  stroke(key, layer, [x0, y0], [x1, y1], tall) {
    const edit = this.edits.get(key);
    const { width, height } = layer;
    const [radius, value] = [this.radius, this.adding ? STEPS : 0];
    const long = (x1 - x0) ** 2 + ((y1 - y0) * tall) ** 2;
    const reach = radius / tall;
    const rows = [Math.min(y0, y1) - reach, Math.max(y0, y1) + reach];
    const columns = [Math.min(x0, x1) - radius, Math.max(x0, x1) + radius];
    for (let y = Math.max(0, Math.floor(rows[0])); y <= Math.min(height - 1, rows[1]); y++)
      for (let x = Math.max(0, Math.floor(columns[0])); x <= Math.min(width - 1, columns[1]); x++) {
        const [px, py] = [x + 0.5 - x0, (y + 0.5 - y0) * tall];
        const along = long ? (px * (x1 - x0) + py * (y1 - y0) * tall) / long : 0;
        const t = Math.min(1, Math.max(0, along));
        const off = Math.hypot(px - t * (x1 - x0), py - t * (y1 - y0) * tall);
        if (off <= Math.max(radius, 0.5)) edit.pixels[y * width + x] = value;
      }
    Object.assign(edit, { as: null, area: null });
  }

  undo() {
    const edit = this.edits.get(this.last);
    if (!edit) return;
    const before = edit.undo.pop();
    if (before) Object.assign(edit, { pixels: before, as: null, area: null });
    else this.edits.delete(this.last);
    this.changed(true);
  }

  reset() {
    this.edits.delete(this.last);
    this.changed(true);
  }

  // What the server gets: every corrected mask of a scene, one byte a pixel, deflated.
  async packed(scene) {
    const masks = {};
    for (const [key, edit] of this.edits) {
      if (!key.startsWith(`${scene}|`)) continue;
      masks[key.slice(scene.length + 1)] = await deflate(edit.pixels.map((value) => value && 1));
    }
    return { scene, masks };
  }

  async adopt(scene, masks) {
    for (const [key, packed] of Object.entries(masks ?? {})) {
      if (this.edits.has(`${scene}|${key}`)) continue;
      const pixels = new Uint8Array(await inflate(packed)).map((value) => value * STEPS);
      this.edits.set(`${scene}|${key}`, { pixels, undo: [null], as: null, area: null });
    }
  }
}

function correctedLayer(layer, pixels) {
  const scale = layer.counts[0] / pixels.length; // a scan drawn smaller than it is
  const area = Math.round(pixels.reduce((sum, value) => sum + (value > 0), 0) * scale);
  return {
    ...layer, kind: "mask", pixels, corrected: true, about: scale !== 1,
    counts: new Array(STEPS + 1).fill(area), hits: null,
    path: null, outlinedAt: null, filledAt: null, fill: null,
  };
}

async function deflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  let text = "";
  for (const byte of packed) text += String.fromCharCode(byte);
  return btoa(text);
}
