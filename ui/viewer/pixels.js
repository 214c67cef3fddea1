// Layers: one byte per pixel, the probability in steps of 1/200 (a mask is 0 or 200).
const STEPS = 200;

async function inflate(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

// A layer as it is drawn. `counts` is the number of pixels at or above every level, counted by the
// server at the scan's own size; a layer of kind "value" holds the raw values of the scan.
async function layerOf(data, spec, packed) {
  const bytes = await inflate(packed);
  const [width, height] = data.drawn;
  const pixels = spec.wide ? new Uint16Array(bytes) : new Uint8Array(bytes);
  const { low = 0, high = 1, digits = 3, steps = STEPS } = spec;
  const read = (at) => (low + (pixels[at] / steps) * (high - low)).toFixed(digits);
  return { ...spec, low, high, steps, pixels, width, height, read };
}

async function loadImages(data) {
  const images = {};
  for (const [id, src] of Object.entries(data.images)) images[id] = await loadImage(src);
  return images;
}

function loadImage(src) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error("an image could not be decoded"));
    image.src = src;
  });
}

function hexToRgb(colour) {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
}

// The level a layer is cut at: a mask does not move with the threshold.
function levelOf(layer, level) {
  return layer.kind === "mask" ? STEPS / 2 : level;
}

// Marching squares between pixel centres; outside the image counts as zero.
function outlinePath(pixels, width, height, level) {
  const path = new Path2D();
  const cut = level - 0.5;
  const at = (x, y) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : pixels[y * width + x]);
  for (let y = -1; y < height; y++) {
    let a = at(-1, y);
    let d = at(-1, y + 1);
    for (let x = -1; x < width; x++) {
      const b = at(x + 1, y);
      const c = at(x + 1, y + 1);
      const kind = (a > cut ? 8 : 0) | (b > cut ? 4 : 0) | (c > cut ? 2 : 0) | (d > cut ? 1 : 0);
      if (kind !== 0 && kind !== 15) addCell(path, kind, x + 0.5, y + 0.5, a, b, c, d, cut);
      a = b;
      d = c;
    }
  }
  return path;
}

function addCell(path, kind, x, y, a, b, c, d, cut) {
  const between = (from, to) => (cut - from) / (to - from);
  const top = () => [x + between(a, b), y];
  const right = () => [x + 1, y + between(b, c)];
  const bottom = () => [x + between(d, c), y + 1];
  const left = () => [x, y + between(a, d)];
  const line = (from, to) => {
    path.moveTo(...from());
    path.lineTo(...to());
  };
  if (kind === 1 || kind === 14) line(left, bottom);
  else if (kind === 2 || kind === 13) line(bottom, right);
  else if (kind === 3 || kind === 12) line(left, right);
  else if (kind === 4 || kind === 11) line(top, right);
  else if (kind === 6 || kind === 9) line(top, bottom);
  else if (kind === 7 || kind === 8) line(left, top);
  else if (kind === 5) {
    line(left, top);
    line(bottom, right);
  } else {
    line(top, right);
    line(left, bottom);
  }
}

// An image-sized canvas painted pixel by pixel: paint(i) returns [r, g, b, a] or nothing.
function paintedCanvas(width, height, paint) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  const picture = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    const rgba = paint(i);
    if (rgba) picture.data.set(rgba, i * 4);
  }
  context.putImageData(picture, 0, 0);
  return canvas;
}

function fillCanvas(layer, level) {
  const solid = [...hexToRgb(layer.colour), 255];
  return paintedCanvas(layer.width, layer.height, (i) => layer.pixels[i] >= level && solid);
}
