// Moving through the slices of a volume, and correcting them by hand. Methods of the viewer.
const stacking = {
  goTo(index) {
    const next = Math.min(this.data.stack.depth - 1, Math.max(0, Number(index)));
    if (next === this.index) return;
    this.index = next;
    this.loadSlice();
    clearTimeout(this.still);
    this.still = setTimeout(() => this.send("slice", { scene: this.data.scene, index: this.index }), STILL_MS);
  },

  async loadSlice() {
    const { data, index } = this;
    const layers = await layersOfSlice(data, index);
    if (data !== this.data || index !== this.index) return; // the hand has moved on
    this.layers = layers;
    for (const panel of this.panels) panel.spec.drawnAt = null;
    this.redraw();
    prepareNeighbours(data, index);
  },

  showStack() {
    const { depth } = this.data.stack;
    this.input("slice").value = this.index + 1;
    this.root.querySelector(".stack output").textContent = `${this.index + 1} of ${depth}`;
    const rows = this.data.layers.filter((spec) => spec.kind === "probability");
    this.strip.box.hidden = !rows.length;
    const areas = (spec) =>
      Array.from({ length: depth }, (_, at) => {
        const edited = this.brush.area(`${this.data.scene}|${spec.id}|${at}`, this.pixelsADrawn);
        return edited ?? storedSlices(this.data, spec).get(at)?.counts[this.level] ?? null;
      });
    const drawn = rows.map((spec) => ({ name: spec.name, colour: spec.colour, areas: areas(spec) }));
    this.strip.draw(depth, this.index, drawn, (area) => this.areaText(area));
  },

  // Pixels of the scan for each pixel that is drawn: 1 but for very large scans.
  get pixelsADrawn() {
    const [shape, drawn] = [this.data.shape, this.data.drawn];
    return (shape[0] * shape[1]) / (drawn[0] * drawn[1]);
  },
};

const painting = {
  keyOf(id) {
    return `${this.data.scene}|${id}|${this.index}`;
  },

  // The layer as it counts and is drawn: corrected by hand where it was.
  layer(id) {
    return this.brush.effective(this.keyOf(id), this.layers[id]);
  },

  paintable(spec) {
    const found = spec.layers.filter((id) => this.layers[id]?.kind === "probability");
    return found.length === 1 && !spec.other ? found[0] : null;
  },

  paints(spec) {
    return this.brush.on && this.paintable(spec) !== null;
  },

  paint(spec, when, [fx, fy]) {
    const id = this.paintable(spec);
    if (!id) return;
    const [key, layer] = [this.keyOf(id), this.layers[id]];
    const place = [fx * layer.width, fy * layer.height];
    if (when === "start") this.brush.begin(key, layer, this.level);
    if (this.brush.edits.has(key))
      this.brush.stroke(key, layer, when === "start" ? place : this.painted, place, this.data.aspect);
    this.painted = place;
    this.corrected(when === "end");
  },

  // Redraw; and once the hand is still, tell the server, so that exports carry the correction.
  corrected(sent) {
    this.redraw();
    if (!sent) return;
    clearTimeout(this.telling);
    const { scene } = this.data;
    this.telling = setTimeout(async () => this.send("corrections", await this.brush.packed(scene)), STILL_MS);
  },
};
