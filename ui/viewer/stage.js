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

// Wheel, drag, pinch, double click and keys on one stage; each ends in onView or onHover.
function listenTo(stage, getView, onView, onHover) {
  const pointers = new Map();
  const fraction = (event) => {
    const box = stage.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    onView(zoomAt(getView(), Math.exp(-event.deltaY * 0.002), ...fraction(event)));
  }, { passive: false });
  stage.addEventListener("dblclick", () => onView(WHOLE));
  stage.addEventListener("pointerdown", (event) => {
    if (event.target.matches("input")) return;
    stage.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, fraction(event));
    stage.classList.add("dragging");
  });
  const release = (event) => {
    pointers.delete(event.pointerId);
    if (!pointers.size) stage.classList.remove("dragging");
  };
  stage.addEventListener("pointerup", release);
  stage.addEventListener("pointercancel", release);
  stage.addEventListener("pointerleave", () => onHover(null));
  stage.addEventListener("pointermove", (event) => {
    const [fx, fy] = fraction(event);
    const view = getView();
    const before = pointers.get(event.pointerId);
    if (before && pointers.size === 2) {
      const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
      const gap = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]) || 0.01;
      onView(zoomAt(view, gap([fx, fy]) / gap(before), (fx + other[0]) / 2, (fy + other[1]) / 2));
    } else if (before) {
      const [dx, dy] = [fx - before[0], fy - before[1]];
      onView(clampView({ ...view, x: view.x - dx / view.zoom, y: view.y - dy / view.zoom }));
    }
    if (before) pointers.set(event.pointerId, [fx, fy]);
    onHover([view.x + (fx - 0.5) / view.zoom, view.y + (fy - 0.5) / view.zoom]);
  });
  stage.addEventListener("keydown", (event) => {
    const next = keyedView(getView(), event.key);
    if (!next) return;
    event.preventDefault();
    event.stopPropagation();
    onView(next);
  });
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

// The same point on every panel.
function drawCursor(context, size, hover, view) {
  const x = ((hover[0] - view.x) * view.zoom + 0.5) * size[0];
  const y = ((hover[1] - view.y) * view.zoom + 0.5) * size[1];
  const arm = 7 * window.devicePixelRatio;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.beginPath();
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
