// Linked image panels. What depends on the threshold is redrawn here, without the server.
const number = new Intl.NumberFormat("en");
const viewers = new WeakMap();

class Viewer {
  constructor(root) {
    this.root = root;
    this.view = WHOLE;
    this.hover = null;
    this.split = 0.5;
    this.panels = [];
    this.bar = root.querySelector(".bar");
    this.input = (name) => this.bar.querySelector(`[name=${name}]`);
    this.observer = new ResizeObserver(() => this.redraw());
    this.observer.observe(root.querySelector(".panels"));
    this.listen();
  }

  listen() {
    for (const name of ["threshold", "fill", "outline"])
      this.input(name).addEventListener("input", () => this.redraw());
    this.input("threshold").addEventListener("change", () => {
      this.sent = this.level / STEPS;
      this.send("threshold", this.sent);
    });
    this.input("swipe").addEventListener("input", () => this.build());
    this.bar.querySelector(".zoom").addEventListener("click", (event) => {
      const factor = { in: 1.4, out: 1 / 1.4 }[event.target.dataset.zoom];
      if (event.target.dataset.zoom) this.look(factor ? zoomAt(this.view, factor, 0.5, 0.5) : WHOLE);
    });
  }

  get level() {
    return Number(this.input("threshold").value);
  }

  async update(data, send) {
    this.send = send;
    const turn = (this.turn = (this.turn ?? 0) + 1);
    const [layers, images] = [await loadLayers(data), await loadImages(data)];
    if (turn !== this.turn) return; // newer data came while this was decoded
    if (this.data?.scene !== data.scene) this.view = WHOLE;
    const first = !this.data;
    Object.assign(this, { data, layers, images });
    if (first) {
      this.input("fill").value = Math.round(data.fill * 100);
      this.input("outline").checked = data.outline;
    }
    if (first || data.threshold !== this.sent)
      this.input("threshold").value = Math.round(data.threshold * STEPS);
    this.sent = data.threshold;
    const has = (kind) => Object.values(layers).some((layer) => kind.includes(layer.kind));
    this.bar.querySelector(".threshold").hidden = !has(["probability"]);
    const drawn = data.panels.some((panel) => panel.layers.length);
    for (const name of [".outline", ".fill"]) this.bar.querySelector(name).hidden = !drawn;
    this.bar.querySelector(".swipe").hidden = data.panels.length < 2;
    this.build();
  }

  get swiping() {
    return this.input("swipe").checked && this.data.panels.length > 1;
  }

  build() {
    const box = this.root.querySelector(".panels");
    const [a, b, ...rest] = this.data.panels;
    const shown = this.swiping ? [{ ...a, other: b }, ...rest] : this.data.panels;
    this.panels = shown.map((spec) => this.makePanel(spec));
    box.replaceChildren(...this.panels.map((panel) => panel.figure));
    this.redraw();
  }

  makePanel(spec) {
    const figure = element("figure");
    const title = element("div", "title");
    for (const part of spec.other ? [spec, spec.other] : [spec]) {
      if (part.colour) title.append(dot(part.colour));
      title.append(element("span", "", part.title));
      if (spec.other && part === spec) title.append(element("span", "note", "|"));
    }
    const stage = element("div", "stage");
    stage.tabIndex = 0;
    stage.setAttribute("role", "img");
    stage.setAttribute("aria-label", spec.other ? `${spec.alt} | ${spec.other.alt}` : spec.alt);
    const image = this.images[spec.image];
    stage.style.aspectRatio = `${image.width} / ${image.height * this.data.aspect}`;
    const canvas = element("canvas");
    stage.append(canvas);
    if (spec.other) stage.append(this.makeDivider(spec));
    listenTo(stage, () => this.view, (view) => this.look(view), (point) => this.point(point));
    const caption = element("figcaption");
    figure.append(title, stage, caption);
    return { spec, figure, stage, canvas, caption };
  }

  makeDivider(spec) {
    const divider = element("input", "divider");
    divider.type = "range";
    divider.max = 1000;
    divider.value = this.split * 1000;
    divider.setAttribute("aria-label", `Divider between ${spec.title} and ${spec.other.title}`);
    divider.addEventListener("input", () => {
      this.split = divider.value / 1000;
      this.redraw();
    });
    return divider;
  }

  look(view) {
    this.view = view;
    this.redraw();
  }

  point(point) {
    this.hover = point && point.every((f) => f >= 0 && f < 1) ? point : null;
    this.redraw();
  }

  redraw() {
    if (!this.data || this.queued) return;
    this.queued = true;
    requestAnimationFrame(() => {
      this.queued = false;
      this.bar.querySelector("output").textContent = (this.level / STEPS).toFixed(2);
      layOut(this.root.querySelector(".panels"), this.panels.length);
      for (const panel of this.panels) this.drawPanel(panel);
      this.root.querySelector(".readout").textContent = this.readout();
    });
  }

  drawPanel(panel) {
    const { spec, stage, canvas, caption } = panel;
    const [width, height] = [stage.clientWidth, stage.clientHeight];
    const ratio = window.devicePixelRatio || 1;
    const size = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    stage.classList.toggle("zoomed", this.view.zoom > 1);
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, ...size);
    this.drawSpec(context, spec, size);
    if (spec.other) this.drawOther(context, spec.other, size);
    if (this.hover) drawCursor(context, size, this.hover, this.view);
    const notes = spec.other ? [this.notes(spec), this.notes(spec.other)] : [this.notes(spec)];
    caption.replaceChildren(...notes.flat());
  }

  drawOther(context, spec, size) {
    const x = this.split * size[0];
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.beginPath();
    context.rect(x, 0, size[0] - x, size[1]);
    context.clip();
    context.clearRect(0, 0, ...size);
    this.drawSpec(context, spec, size);
    context.restore();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#fff";
    context.fillRect(x - 1, 0, 2, size[1]);
  }

  drawSpec(context, spec, size) {
    const image = this.images[spec.image];
    const scale = (size[0] / image.width) * this.view.zoom;
    const tall = (size[1] / image.height) * this.view.zoom;
    const left = size[0] / 2 - this.view.x * image.width * scale;
    const top = size[1] / 2 - this.view.y * image.height * tall;
    context.setTransform(scale, 0, 0, tall, left, top);
    context.imageSmoothingEnabled = scale < 4;
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0);
    const layers = spec.layers.map((id) => this.layers[id]);
    context.globalAlpha = this.input("fill").value / 100;
    if (context.globalAlpha > 0)
      for (const layer of layers) context.drawImage(this.filled(layer), 0, 0, image.width, image.height);
    context.globalAlpha = 1;
    if (spec.agreement) context.drawImage(this.agreement(spec), 0, 0, image.width, image.height);
    if (!this.input("outline").checked) return;
    const pen = window.devicePixelRatio / scale;
    for (const layer of layers) this.stroke(context, layer, pen);
  }

  stroke(context, layer, pen) {
    const path = this.outlined(layer);
    context.lineCap = "round";
    context.lineWidth = 4 * pen;
    context.strokeStyle = "rgba(0, 0, 0, 0.45)";
    context.stroke(path);
    context.lineWidth = 2 * pen;
    context.strokeStyle = layer.colour;
    context.stroke(path);
  }

  filled(layer) {
    const level = levelOf(layer, this.level);
    if (layer.filledAt !== level) [layer.filledAt, layer.fill] = [level, fillCanvas(layer, level)];
    return layer.fill;
  }

  outlined(layer) {
    const level = levelOf(layer, this.level);
    if (layer.outlinedAt !== level) {
      layer.outlinedAt = level;
      layer.path = outlinePath(layer.pixels, layer.width, layer.height, level);
    }
    return layer.path;
  }

  agreement(spec) {
    if (spec.drawnAt !== this.level) {
      const [first, second] = spec.agreement.layers.map((id) => this.layers[id]);
      spec.drawn = agreementOf(first, second, this.level, spec.agreement.colours);
      spec.drawnAt = this.level;
    }
    return spec.drawn;
  }

  // What stands under a panel: its scores at this threshold, its legend, its caption.
  notes(spec) {
    const lines = [];
    for (const id of spec.scored) lines.push(this.scoreLine(this.layers[id], spec.scored.length > 1));
    if (spec.agreement) lines.push(this.legend(spec));
    if (spec.scale) lines.push(this.scale(...spec.scale));
    if (spec.caption) lines.push(element("div", "note", spec.caption));
    return lines;
  }

  scale(low, high, gradient) {
    const line = element("div", "scale");
    line.append(element("span", "", low), dot(gradient), element("span", "", high));
    return line;
  }

  scoreLine(layer, named) {
    if (!named) return element("div", "scores", this.scores(layer));
    const line = element("div", "legend");
    const item = element("span");
    item.append(dot(layer.colour), element("b", "", layer.name), this.scores(layer));
    line.append(item);
    return line;
  }

  scores(layer) {
    const area = layer.counts[this.level];
    const parts = [area ? `${number.format(area)} px` : "No tumour found"];
    const unit = this.data.pixel_mm2;
    if (area && unit) parts.push(`${number.format(Math.round(area * unit))} mm²`);
    const truth = this.layers[this.data.truth];
    if (truth && layer !== truth) {
      const whole = truth.counts[this.level];
      const hit = layer.hits[this.level];
      const score = (part, all) => (all ? (part / all).toFixed(3) : "–");
      parts.unshift(`Dice ${score(2 * hit, area + whole)}`, `IoU ${score(hit, area + whole - hit)}`);
    }
    return parts.join(" · ");
  }

  legend(spec) {
    const list = element("div", "legend");
    const [first, second] = spec.agreement.layers.map((id) => this.layers[id].counts[this.level]);
    const both = spec.agreement.both[this.level];
    const counts = [both, first - both, second - both];
    spec.agreement.names.forEach((name, i) => {
      const item = element("span");
      item.append(dot(spec.agreement.colours[i]), `${name} ${number.format(counts[i])} px`);
      list.append(item);
    });
    return list;
  }

  readout() {
    if (!this.hover) return "";
    const place = ([width, height]) => [this.hover[0] * width, this.hover[1] * height].map(Math.floor);
    const [column, row] = place(this.data.shape);
    const [x, y] = place(this.data.drawn);
    const at = y * this.data.drawn[0] + x;
    const values = Object.values(this.layers).map((layer) =>
      layer.kind === "mask"
        ? `${layer.name} ${layer.pixels[at] ? "tumour" : "background"}`
        : `${layer.kind === "value" ? layer.name : `${layer.name} probability`} ${layer.read(at)}`);
    return [`Row ${row}, column ${column}`, ...values].join(" · ");
  }
}

export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".viewer");
  if (!viewers.has(root)) viewers.set(root, new Viewer(root));
  viewers.get(root).update(data, setStateValue);
}
