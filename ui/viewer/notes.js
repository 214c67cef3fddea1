// What stands under the panels and in the read-out. Methods of the viewer.
const number = new Intl.NumberFormat("en");
const HINTS = {
  stack: "Wheel or left and right arrow: slices · Ctrl + wheel: zoom",
  one: "Wheel: zoom",
  all: "drag: move · right-drag: window and level · double-click: whole image",
  brush: "Paint on a network's picture · Shift + drag: move · the threshold leaves a corrected slice alone",
};

const noting = {
  // Its scores at this threshold, its legend, its caption; with ``other`` in the same picture.
  notes(spec, other) {
    const lines = [];
    for (const id of spec.scored) lines.push(this.scoreLine(id, other || spec.scored.length > 1));
    if (spec.agreement) lines.push(this.legend(spec));
    const heat = this.heatOf(spec);
    if (heat) {
      const map = heat.kind === "map";
      lines.push(this.scale("0", map ? heat.top : "1", this.data.heat.gradient, map ? heat.name : heat.kind));
    }
    if (spec.scale) lines.push(this.scale(...spec.scale));
    if (spec.caption && (spec === other || spec.caption !== other?.caption)) lines.push(element("div", "note", spec.caption));
    return lines;
  },

  scale(low, high, gradient, name) {
    const line = element("div", "scale");
    if (name) line.append(element("span", "", name));
    line.append(element("span", "", low), dot(gradient), element("span", "", high));
    return line;
  },

  scoreLine(id, named) {
    const layer = this.layer(id);
    const text = layer ? this.scores(layer) : "Segmenting this slice …";
    if (!named) return element("div", "scores", text);
    const spec = this.data.layers.find((one) => one.id === id);
    const line = element("div", "legend");
    const item = element("span");
    item.append(dot(spec.colour), element("b", "", spec.name), text);
    line.append(item);
    return line;
  },

  areaText(area) {
    const unit = this.data.pixel_mm2;
    const px = `${number.format(area)} px`;
    return area && unit ? `${px} · ${number.format(Math.round(area * unit))} mm²` : px;
  },

  scores(layer) {
    const area = layer.counts[this.level];
    const parts = [area ? (layer.about ? "about " : "") + this.areaText(area) : "No tumour found"];
    const truth = this.layers[this.data.truth];
    if (truth && layer.id !== truth.id) {
      const whole = truth.counts[this.level];
      const hit = layer.corrected ? hitsOf(layer, truth) : layer.hits[this.level];
      const score = (part, all) => (all ? (part / all).toFixed(3) : "–");
      parts.unshift(`Dice ${score(2 * hit, area + whole)}`, `IoU ${score(hit, area + whole - hit)}`);
    }
    if (layer.corrected) parts.push("corrected by hand");
    return parts.join(" · ");
  },

  legend(spec) {
    const list = element("div", "legend");
    const layers = spec.agreement.layers.map((id) => this.layers[id]);
    if (!layers.every(Boolean)) return list;
    const [first, second] = layers.map((layer) => layer.counts[this.level]);
    const both = spec.agreement.both[this.level];
    const counts = [both, first - both, second - both];
    spec.agreement.names.forEach((name, i) => {
      const item = element("span");
      item.append(swatch(spec.agreement.colours[i], i), `${name} ${number.format(counts[i])} px`);
      list.append(item);
    });
    return list;
  },

  readout() {
    if (!this.hover) return "";
    const place = ([width, height]) => [this.hover[0] * width, this.hover[1] * height].map(Math.floor);
    const [column, row] = place(this.data.shape);
    const [x, y] = place(this.data.drawn);
    const at = y * this.data.drawn[0] + x;
    const values = Object.values(this.layers).map((layer) =>
      layer.kind === "mask"
        ? `${layer.name} ${layer.pixels[at] ? "tumour" : "background"}`
        : `${layer.kind === "probability" ? `${layer.name} probability` : layer.name} ${layer.read(at)}`);
    return [`Row ${row}, column ${column}`, ...values].join(" · ");
  },

  hint() {
    if (this.brush.on) return HINTS.brush;
    return `${this.data.stack ? HINTS.stack : HINTS.one} · ${HINTS.all}`;
  },
};

// Pixels of a corrected mask that are in the true mask too, at the scan's own size.
function hitsOf(layer, truth) {
  const hits = layer.pixels.reduce((sum, value, at) => sum + (value > 0 && truth.pixels[at] > 0), 0);
  return Math.round((hits * truth.counts[0]) / layer.pixels.length);
}
