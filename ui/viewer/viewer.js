// Linked image panels. What depends on threshold, window, slice or brush is redrawn here, without
// the server; it hears of the threshold, the slice and a correction when the hand is still.
const viewers = new WeakMap();
const STILL_MS = 250;
const measured = (data) => data.layers.some((layer) => layer.kind === "uncertainty");
const TYPED_INTO = "input, textarea, select, [contenteditable], [role=slider], [role=combobox]";

class Viewer {
  constructor(root) {
    this.root = root;
    this.view = WHOLE;
    this.hover = null;
    this.split = 0.5;
    this.index = 0;
    this.panels = [];
    this.layers = {};
    this.bar = root.querySelector(".bar");
    this.input = (name) => root.querySelector(`[name=${name}]`);
    this.brush = new Brush(root.querySelector(".correct"), (sent) => this.corrected(sent));
    this.strip = new Strip(root.querySelector(".strip"), (index) => this.goTo(index));
    this.observer = new ResizeObserver(() => this.redraw());
    this.observer.observe(root.querySelector(".panels"));
    this.listen();
  }

  listen() {
    for (const name of ["threshold", "fill", "outline", "heat", "heat-opacity"])
      this.input(name).addEventListener("input", () => this.redraw());
    this.input("threshold").addEventListener("change", () => {
      this.sent = this.level / STEPS;
      this.send("threshold", this.sent);
    });
    this.input("swipe").addEventListener("input", () => this.build());
    this.input("slice").addEventListener("input", () => this.goTo(this.input("slice").value - 1));
    this.bar.querySelector(".zoom").addEventListener("click", (event) => {
      const factor = { in: 1.4, out: 1 / 1.4 }[event.target.dataset.zoom];
      if (event.target.dataset.zoom) this.look(factor ? zoomAt(this.view, factor, 0.5, 0.5) : WHOLE);
    });
    this.listenToWindow();
    this.listenToLink();
    const news = () => {
      if (!this.root.isConnected) return SLICES.news.removeEventListener("slices", news);
      if (this.data?.stack) this.loadSlice();
    };
    SLICES.news.addEventListener("slices", news);
    const keyed = (event) => {
      if (!this.root.isConnected) return document.removeEventListener("keydown", keyed);
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by || !this.data?.stack || event.composedPath()[0].closest?.(TYPED_INTO)) return;
      this.goTo(this.index + by);
    };
    document.addEventListener("keydown", keyed);
  }

  listenToWindow() {
    const moved = () => {
      const [low, high] = this.full;
      const share = this.input("window").value / 1000;
      const level = low + (this.input("level").value / 1000) * (high - low);
      this.setRange(toRange({ width: share * share * (high - low), level }));
    };
    for (const name of ["window", "level"]) this.input(name).addEventListener("input", moved);
    this.root.querySelector(".window .buttons").addEventListener("click", (event) => {
      const wanted = event.target.dataset.window;
      if (wanted) this.setRange(wanted === "auto" ? this.data.window : this.full);
    });
  }

  get level() {
    return Number(this.input("threshold").value);
  }

  get full() {
    const spec = this.data.layers.find((one) => one.kind === "value");
    return [spec.low, spec.high];
  }

  setRange(range) {
    this.range = range;
    this.link();
    this.redraw();
  }

  async update(data, send) {
    this.send = send;
    const turn = (this.turn = (this.turn ?? 0) + 1);
    const first = !this.data;
    const fresh = this.data?.scene !== data.scene;
    if (fresh && data.stack) this.index = data.stack.index;
    const index = data.stack ? this.index : 0;
    if (fresh) await this.brush.adopt(data.scene, data.corrections);
    const [layers, images] = [await layersOfSlice(data, index), await loadImages(data)];
    if (turn !== this.turn) return; // newer data came while this was decoded
    if (fresh) Object.assign(this, { view: WHOLE, range: data.window, lastBase: null });
    // Asked for just now, or before, where no link tells what was drawn: then it is to be seen.
    const asked = measured(data) && (first ? !data.linked : !measured(this.data));
    if (!data.stack) this.index = 0;
    Object.assign(this, { data, layers, images, linked: data.linked });
    this.heatTable ??= data.heat && Uint8Array.from(atob(data.heat.table), (c) => c.charCodeAt(0));
    if (first) {
      this.input("fill").value = Math.round(data.fill * 100);
      this.input("outline").checked = data.outline;
      this.followLink();
    }
    this.link();
    if (first || data.threshold !== this.sent)
      this.input("threshold").value = Math.round(data.threshold * STEPS);
    this.sent = data.threshold;
    this.offer();
    if (asked) this.input("heat").value = "uncertainty";
    this.build();
    if (data.stack) this.loadSlice();
  }

  // Show the controls that this data has a use for, and no others.
  offer() {
    const { data } = this;
    const has = (kind) => data.layers.some((layer) => layer.kind === kind);
    const hide = (selector, hidden) => (this.root.querySelector(selector).hidden = hidden);
    hide(".threshold", !has("probability"));
    const drawn = data.panels.some((panel) => panel.layers.length);
    for (const name of [".outline", ".fill"]) hide(name, !drawn);
    const told = typeof data.swipe === "boolean"; // the screen decides, not the box
    if (told) this.input("swipe").checked = data.swipe;
    hide(".swipe", told || data.panels.length < 2);
    hide(".stack", !data.stack);
    if (data.stack) this.input("slice").max = data.stack.depth;
    const windowed = data.panels.some((panel) => !panel.image);
    hide(".second", !windowed);
    hide(".hint", !windowed);
    hide(".correct", !data.tools.includes("brush") || !has("probability"));
    const own = data.tools.includes("heat") && has("probability");
    hide(".heat", !own && !has("map"));
    const select = this.input("heat");
    for (const [at, there] of [[1, own], [2, own && has("uncertainty")]])
      Object.assign(select.options[at], { disabled: !there, hidden: !own });
    this.offerMaps(select);
    if (!select.selectedOptions[0] || select.selectedOptions[0].disabled) select.value = "";
  }

  offerMaps(select) {
    const chosen = select.value;
    while (select.options.length > 3) select.options[3].remove();
    for (const { kind, id, name } of this.data.layers)
      if (kind === "map") select.append(new Option(name, id));
    select.value = chosen;
  }

  get swiping() {
    return this.input("swipe").checked && this.data.panels.length > 1;
  }

  build() {
    const box = this.root.querySelector(".panels");
    const built = JSON.stringify([this.data.panels, this.swiping, this.data.drawn, this.data.aspect]);
    if (built === this.built) {
      for (const panel of this.panels) panel.spec.drawnAt = null;
      return this.redraw(); // the same panels: a stroke or a drag on them goes on
    }
    this.built = built;
    const [a, b, ...rest] = this.data.panels;
    const shown = this.swiping ? [{ ...a, other: b }, ...rest] : this.data.panels;
    this.panels = shown.map((spec) => this.makePanel(spec));
    box.replaceChildren(...this.panels.map((panel) => panel.figure));
    layOut(box, this.panels.length); // at once: never first one under the other
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
    const [width, height] = this.sizeOf(spec);
    stage.style.aspectRatio = `${width} / ${height * this.data.aspect}`;
    const canvas = element("canvas");
    stage.append(canvas);
    if (spec.other) stage.append(this.makeDivider(spec));
    listenTo(stage, this.actsOn(spec));
    const caption = element("figcaption");
    figure.append(title, stage, caption);
    return { spec, figure, stage, canvas, caption };
  }

  actsOn(spec) {
    return {
      view: () => this.view,
      look: (view) => this.look(view),
      point: (place) => this.point(place),
      step: () => this.data.stack && ((by) => by && this.goTo(this.index + by)),
      contrast: (dx, dy) => this.range && this.setRange(draggedRange(this.range, dx, dy, this.full)),
      paints: () => this.paints(spec),
      paint: (when, place) => this.paint(spec, when, place),
    };
  }

  makeDivider(spec) {
    const divider = element("input", "divider");
    divider.type = "range";
    divider.max = 1000;
    divider.value = this.split * 1000;
    divider.setAttribute("aria-label", `Divider between ${spec.title} and ${spec.other.title}`);
    divider.addEventListener("input", () => {
      this.split = divider.value / 1000;
      this.link();
      this.redraw();
    });
    return divider;
  }

  look(view) {
    this.view = view;
    this.link();
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
      this.showControls();
      layOut(this.root.querySelector(".panels"), this.panels.length);
      for (const panel of this.panels) this.drawPanel(panel);
      this.root.querySelector(".readout").textContent = this.readout();
    });
  }

  showControls() {
    const after = (name, text) => (this.root.querySelector(`[name=${name}] + output`).textContent = text);
    after("threshold", (this.level / STEPS).toFixed(3));
    this.input("heat-opacity").hidden = !this.input("heat").value;
    this.brush.show();
    if (this.data.stack) this.showStack();
    if (!this.range || this.root.querySelector(".second").hidden) return;
    const [low, high] = this.full;
    const { width, level } = toWindow(this.range);
    const digits = high - low > 20 ? 0 : 3;
    this.input("window").value = 1000 * Math.sqrt(width / (high - low));
    this.input("level").value = (1000 * (level - low)) / (high - low);
    after("window", width.toFixed(digits));
    after("level", level.toFixed(digits));
    this.root.querySelector(".hint").textContent = this.hint();
  }
}

for (const part of [drawing, noting, stacking, painting, linking]) // not assign: it would run the getters
  Object.defineProperties(Viewer.prototype, Object.getOwnPropertyDescriptors(part));

export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".viewer");
  if (!viewers.has(root)) viewers.set(root, new Viewer(root));
  viewers.get(root).update(data, setStateValue);
}
