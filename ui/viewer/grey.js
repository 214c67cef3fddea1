// The window: which raw values are black and white. For the eye only; nothing is measured on it.
function greyCanvas(layer, low, high) {
  const { steps } = layer;
  const shade = new Uint8Array(steps + 1);
  const span = layer.high - layer.low;
  for (let i = 0; i <= steps; i++) {
    const value = layer.low + (i / steps) * span;
    const grey = high > low ? ((value - low) / (high - low)) * 255 : 0;
    shade[i] = Math.min(255, Math.max(0, Math.round(grey)));
  }
  const canvas = new OffscreenCanvas(layer.width, layer.height);
  const context = canvas.getContext("2d");
  const picture = context.createImageData(layer.width, layer.height);
  const words = new Uint32Array(picture.data.buffer); // 0xAABBGGRR on every machine with a browser
  for (let i = 0; i < words.length; i++) words[i] = 0xff000000 | (shade[layer.pixels[i]] * 0x010101);
  context.putImageData(picture, 0, 0);
  return canvas;
}

// Window (width) and level (centre) of a range of raw values, and back.
function toWindow([low, high]) {
  return { width: high - low, level: (low + high) / 2 };
}

function toRange({ width, level }) {
  return [level - width / 2, level + width / 2];
}

// A drag of (dx, dy) stage widths: to the right widens, downwards darkens, as radiology viewers do.
function draggedRange(range, dx, dy, full) {
  const { width, level } = toWindow(range);
  const span = full[1] - full[0] || 1;
  const wide = Math.min(span, Math.max(span / 500, width + dx * span));
  return toRange({ width: wide, level: Math.min(full[1], Math.max(full[0], level + dy * span)) });
}

// One colour a level, on the fixed scale 0..1 (a map: 0..top): an empty map stays black.
function heatCanvas(layer, table) {
  const { steps, low, high, top = 1 } = layer;
  const level = (step) => ((low + (step / steps) * (high - low)) / top) * STEPS;
  return paintedCanvas(layer.width, layer.height, (i) => {
    const at = 4 * Math.min(STEPS, Math.max(0, Math.round(level(layer.pixels[i]))));
    return [table[at], table[at + 1], table[at + 2], 255];
  });
}
