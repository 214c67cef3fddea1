// Slices that arrived from the server, by scene and source: shared by the component that brings them
// and the viewer that shows them, so that a move of the slice slider asks nobody.
const SLICES = (globalThis.brainsegSlices ??= { scenes: new Map(), news: new EventTarget() });
const SCENES_KEPT = 2;
const DECODED_KEPT = 24; // slices on either side of the one on screen
const AHEAD = 3;

async function keepSlices({ scene, source, slices, counts }) {
  const scenes = SLICES.scenes;
  if (!scenes.has(scene)) scenes.set(scene, new Map());
  while (scenes.size > SCENES_KEPT) scenes.delete(scenes.keys().next().value);
  const sources = scenes.get(scene);
  if (!sources.has(source)) sources.set(source, new Map());
  const known = sources.get(source);
  const table = counts ? new Uint32Array(await inflate(counts)) : null;
  Object.entries(slices).forEach(([index, packed], row) => {
    const own = table?.subarray(row * (STEPS + 1), (row + 1) * (STEPS + 1));
    if (!known.has(Number(index))) known.set(Number(index), { packed, counts: own });
  });
  SLICES.news.dispatchEvent(new Event("slices"));
}

function storedSlices(data, spec) {
  return SLICES.scenes.get(data.scene)?.get(spec.source) ?? new Map();
}

// The layer of one slice: decoded once, kept with what was drawn from it; null until it arrives.
function storedLayer(data, spec, index) {
  const entry = storedSlices(data, spec).get(index);
  if (!entry) return null;
  entry.layer ??= layerOf(data, { ...spec, counts: entry.counts, hits: null }, entry.packed);
  return entry.layer;
}

async function layersOfSlice(data, index) {
  const layers = {};
  for (const spec of data.layers) {
    const inline = spec.pixels && (!data.stack || spec.slice === index);
    const layer = inline ? await layerOf(data, spec, spec.pixels)
      : data.stack && spec.source ? await storedLayer(data, spec, index) : null;
    if (layer) layers[spec.id] = layer;
  }
  return layers;
}

// Decode the neighbours before they are asked for, and forget what is far away.
function prepareNeighbours(data, index) {
  for (const spec of data.layers.filter((one) => one.source)) {
    for (let by = 1; by <= AHEAD; by++)
      for (const at of [index - by, index + by]) storedLayer(data, spec, at);
    for (const [at, entry] of storedSlices(data, spec))
      if (Math.abs(at - index) > DECODED_KEPT) delete entry.layer;
  }
}
