// What a panel shows: the scan, what lies over it, and the cursor. Methods of the viewer.
const drawing = {
  drawPanel(panel) {
    const { spec, stage, canvas, caption } = panel;
    const ratio = window.devicePixelRatio || 1;
    const size = [stage.clientWidth, stage.clientHeight].map((side) => Math.round(side * ratio));
    if (!size[0] || !size[1]) return; // not on screen
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    stage.classList.toggle("zoomed", this.view.zoom > 1);
    stage.classList.toggle("painting", this.paints(spec));
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, ...size);
    this.drawSpec(context, spec, size);
    if (spec.other) this.drawOther(context, spec.other, size);
    const brush = this.paints(spec) && this.brush.radius / this.sizeOf(spec)[0];
    if (this.hover) drawCursor(context, size, this.hover, this.view, brush);
    const notes = [spec, spec.other].filter(Boolean).flatMap((one) => this.notes(one, spec.other));
    caption.replaceChildren(...notes);
  },

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
  },

  drawSpec(context, spec, size) {
    const image = this.base(spec);
    if (!image) return;
    const scale = (size[0] / image.width) * this.view.zoom;
    const tall = (size[1] / image.height) * this.view.zoom;
    const left = size[0] / 2 - this.view.x * image.width * scale;
    const top = size[1] / 2 - this.view.y * image.height * tall;
    context.setTransform(scale, 0, 0, tall, left, top);
    context.imageSmoothingEnabled = scale < 4;
    context.imageSmoothingQuality = "high";
    if (!spec.image && !this.layers.value) return this.lay(context, image, image, 0.4); // not here yet
    context.drawImage(image, 0, 0);
    const heat = this.heatOf(spec);
    if (heat) this.lay(context, this.heated(heat), image, this.input("heat-opacity").value / 100);
    const layers = spec.layers.map((id) => this.layer(id)).filter((one) => one && one.kind !== "map");
    const opacity = this.input("fill").value / 100;
    if (opacity > 0) for (const layer of layers) this.lay(context, this.filled(layer), image, opacity);
    if (spec.agreement && this.agreement(spec))
      drawAgreement(context, this.agreement(spec), spec.agreement.colours, image);
    if (!this.input("outline").checked) return;
    const pen = window.devicePixelRatio / scale;
    const pair = layers.length > 1 ? this.data.truth : null;
    for (const layer of layers) this.stroke(context, layer, pen, layer.id === pair);
  },

  lay(context, canvas, image, opacity) {
    context.globalAlpha = opacity;
    context.drawImage(canvas, 0, 0, image.width, image.height);
    context.globalAlpha = 1;
  },

  // The scan itself comes from its raw values, through the window; until they are here, the last one.
  base(spec) {
    if (spec.image) return this.images[spec.image];
    const layer = this.layers.value;
    if (!layer) return this.lastBase;
    const [low, high] = this.range;
    if (layer.greyAt !== `${low} ${high}`) {
      layer.greyAt = `${low} ${high}`;
      layer.grey = greyCanvas(layer, low, high);
    }
    return (this.lastBase = layer.grey);
  },

  sizeOf(spec) {
    const image = spec.image && this.images[spec.image];
    return image ? [image.width, image.height] : this.data.drawn;
  },

  // The truth over another outline is a thin line in it: where the two run together, both show.
  stroke(context, layer, pen, thin) {
    const path = this.outlined(layer);
    context.lineCap = "round";
    context.lineWidth = 4 * pen;
    context.strokeStyle = "rgba(0, 0, 0, 0.45)";
    if (!thin) context.stroke(path);
    context.lineWidth = (thin ? 1 : 2) * pen;
    context.strokeStyle = layer.colour;
    context.stroke(path);
  },

  filled(layer) {
    const level = levelOf(layer, this.level);
    if (layer.filledAt !== level) [layer.filledAt, layer.fill] = [level, fillCanvas(layer, level)];
    return layer.fill;
  },

  outlined(layer) {
    const level = levelOf(layer, this.level);
    if (layer.outlinedAt !== level) {
      layer.outlinedAt = level;
      layer.path = outlinePath(layer.pixels, layer.width, layer.height, level);
    }
    return layer.path;
  },

  heated(layer) {
    layer.heat ??= heatCanvas(layer, this.heatTable);
    return layer.heat;
  },

  // The map that the heat control asks for on this panel; null where there is none.
  heatOf(spec) {
    const wanted = this.input("heat").value;
    if (this.layers[wanted]?.kind === "map")
      return spec.layers.includes(wanted) ? this.layers[wanted] : null;
    const found = spec.layers.map((id) => this.layers[id]).find((one) => one?.kind === "probability");
    if (!wanted || !found) return null;
    if (wanted === "probability") return found;
    return Object.values(this.layers).find((one) => one.of === found.id) ?? null;
  },

  agreement(spec) {
    const [first, second] = spec.agreement.layers.map((id) => this.layer(id));
    if (spec.drawnAt !== this.level && first && second) {
      spec.drawn = agreementMasks(first, second, this.level, spec.agreement.colours);
      spec.drawnAt = this.level;
    }
    return spec.drawn;
  },
};
