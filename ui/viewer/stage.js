// One view for all panels: the centre in fractions of the image, and the zoom.
const WHOLE = { zoom: 1, x: 0.5, y: 0.5 };

function clampView(view) {
  const zoom = Math.min(16, Math.max(1, view.zoom));
  const half = 0.5 / zoom;
  const clamp = (value) => Math.min(1 - half, Math.max(half, value));
  return { zoom, x: clamp(view.x), y: clamp(view.y) };
}

// Zoom by a factor while the image point under (fx, fy), fractions of the stage, stays put.
function zoomAt(view, factor, fx, fy) {
  const zoom = Math.min(16, Math.max(1, view.zoom * factor));
  const x = view.x + (fx - 0.5) / view.zoom - (fx - 0.5) / zoom;
  const y = view.y + (fy - 0.5) / view.zoom - (fy - 0.5) / zoom;
  return clampView({ zoom, x, y });
}

// Wheel, drag, pinch, double click and keys on one stage. `acts` says what they do: view() and
// look(view), point(place or null), step(by) through a stack or null, contrast(dx, dy), and
// paints() with paint("start" | "move" | "end", place). Places are fractions of the image.
function listenTo(stage, acts) {
  const pointers = new Map();
  let doing = null;
  const fraction = (event) => {
    const box = stage.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  const placeOf = ([fx, fy], view = acts.view()) =>
    [view.x + (fx - 0.5) / view.zoom, view.y + (fy - 0.5) / view.zoom];
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (acts.step() && !event.ctrlKey) acts.step()(wheelSteps(stage, event.deltaY));
    else acts.look(zoomAt(acts.view(), Math.exp(-event.deltaY * 0.002), ...fraction(event)));
  }, { passive: false });
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  stage.addEventListener("dblclick", () => acts.paints() || acts.look(WHOLE));
  stage.addEventListener("pointerdown", (event) => {
    if (event.target.matches("input")) return;
    stage.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, fraction(event));
    if (pointers.size > 1) {
      if (doing === "paint") acts.paint("end", placeOf(fraction(event)));
      doing = "pan";
    } else if (event.button === 2) doing = "contrast";
    else doing = acts.paints() && !event.shiftKey ? "paint" : "pan";
    if (doing === "paint") acts.paint("start", placeOf(fraction(event)));
    if (doing === "pan") stage.classList.add("dragging");
  });
  const release = (event) => {
    if (doing === "paint" && pointers.has(event.pointerId))
      acts.paint("end", placeOf(fraction(event)));
    pointers.delete(event.pointerId);
    if (pointers.size) return;
    doing = null;
    stage.classList.remove("dragging");
  };
  stage.addEventListener("pointerup", release);
  stage.addEventListener("pointercancel", release);
  stage.addEventListener("pointerleave", () => acts.point(null));
  stage.addEventListener("pointermove", (event) => {
    const now = fraction(event);
    const before = pointers.get(event.pointerId);
    if (before && pointers.size === 2) pinch(acts, pointers, event.pointerId, now);
    else if (before && doing === "paint") acts.paint("move", placeOf(now));
    else if (before && doing === "contrast") acts.contrast(now[0] - before[0], now[1] - before[1]);
    else if (before) {
      const view = acts.view();
      const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
      acts.look(clampView({ ...view, x: view.x - dx / view.zoom, y: view.y - dy / view.zoom }));
    }
    if (before) pointers.set(event.pointerId, now);
    acts.point(placeOf(now));
  });
  stage.addEventListener("keydown", (event) => {
    const by = acts.view().zoom === 1 && { ArrowUp: -1, ArrowDown: 1, PageUp: -5, PageDown: 5 }[event.key];
    const next = keyedView(acts.view(), event.key);
    if (acts.step() && by) acts.step()(by);
    else if (next) acts.look(next);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

function pinch(acts, pointers, id, now) {
  const other = [...pointers].find(([one]) => one !== id)[1];
  const gap = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]) || 0.01;
  const middle = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
  acts.look(zoomAt(acts.view(), gap(now) / gap(pointers.get(id)), ...middle));
}

// A notch of a mouse wheel is one slice; a touchpad's many small moves add up to one.
function wheelSteps(stage, delta) {
  if (Math.abs(delta) >= 50) return Math.sign(delta);
  stage.rolled = (stage.rolled ?? 0) + delta;
  if (Math.abs(stage.rolled) < 30) return 0;
  const by = Math.sign(stage.rolled);
  stage.rolled = 0;
  return by;
}

function keyedView(view, key) {
  const step = 0.1 / view.zoom;
  const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step],
    ArrowDown: [0, step] };
  if (key === "+" || key === "=") return zoomAt(view, 1.4, 0.5, 0.5);
  if (key === "-") return zoomAt(view, 1 / 1.4, 0.5, 0.5);
  if (key === "0") return WHOLE;
  if (view.zoom === 1 || !(key in moves)) return null; // the arrows belong to the page
  const [dx, dy] = moves[key];
  return clampView({ ...view, x: view.x + dx, y: view.y + dy });
}

// The same point on every panel: a cross, or the brush as large as it paints.
function drawCursor(context, size, hover, view, brush) {
  const x = ((hover[0] - view.x) * view.zoom + 0.5) * size[0];
  const y = ((hover[1] - view.y) * view.zoom + 0.5) * size[1];
  const arm = 7 * window.devicePixelRatio;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.beginPath();
  if (brush) context.arc(x, y, Math.max(brush * view.zoom * size[0], 1), 0, 2 * Math.PI);
  else
    for (const [dx, dy] of [[arm, 0], [0, arm]]) {
      context.moveTo(x - dx, y - dy);
      context.lineTo(x + dx, y + dy);
    }
  context.lineWidth = window.devicePixelRatio;
  context.strokeStyle = "rgba(255, 255, 255, 0.8)";
  context.stroke();
}

function element(tag, classes, text) {
  const made = document.createElement(tag);
  if (classes) made.className = classes;
  if (text !== undefined) made.textContent = text; // never innerHTML: titles may carry file names
  return made;
}

function dot(colour) {
  return Object.assign(element("i"), { style: `background:${colour}` });
}

// As many columns as leave no panel too small and no row half empty.
function layOut(box, count) {
  const choices = { 1: [1], 2: [2, 1], 3: [3, 1], 4: [4, 2, 1], 5: [5, 3, 2, 1], 6: [6, 3, 2, 1] };
  const least = count > 3 ? 230 : 200;
  const columns = choices[count].find((n) => n === 1 || box.clientWidth / n >= least);
  const most = columns === 1 ? "29rem" : "40rem";
  box.style.gridTemplateColumns = `repeat(${columns}, minmax(0, ${most}))`;
}
