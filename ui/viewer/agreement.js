// Where two masks agree and where only one of them marks a pixel: told apart by colour and by hatch,
// so that neither needs the other. Stripes are drawn in screen pixels: even at every zoom.
const STRIPES = ["plain", "rising", "falling"]; // both, only the first, only the second
const TINT = { plain: 0.5, rising: 0.35, falling: 0.35 };
const PERIOD = 6; // CSS pixels from stripe to stripe

function stripePattern(context, colour, hatch) {
  const side = Math.round(PERIOD * (window.devicePixelRatio || 1));
  const tile = new OffscreenCanvas(side, side);
  const pen = tile.getContext("2d");
  pen.strokeStyle = colour;
  pen.lineWidth = side / 3;
  for (const shift of [-side, 0, side]) {
    pen.moveTo(shift - 1, hatch === "rising" ? side + 1 : -1);
    pen.lineTo(shift + side + 1, hatch === "rising" ? -1 : side + 1);
  }
  pen.stroke();
  return context.createPattern(tile, "repeat");
}

// One canvas in the size of the image for each of the three kinds of pixel.
function agreementMasks(first, second, level, colours) {
  const { width, height } = first;
  const [a, b] = [levelOf(first, level), levelOf(second, level)];
  const inFirst = (i) => first.pixels[i] >= a;
  const inSecond = (i) => second.pixels[i] >= b;
  const kinds = [
    (i) => inFirst(i) && inSecond(i),
    (i) => inFirst(i) && !inSecond(i),
    (i) => !inFirst(i) && inSecond(i),
  ];
  return kinds.map((belongs, kind) => {
    const solid = [...hexToRgb(colours[kind]), 255];
    return paintedCanvas(width, height, (i) => belongs(i) && solid);
  });
}

// Tint each kind, then lay the stripes of its hatch over it. The context is in image coordinates.
function drawAgreement(context, masks, colours, image) {
  const view = context.getTransform();
  const { width, height } = context.canvas;
  masks.forEach((mask, kind) => {
    const hatch = STRIPES[kind];
    context.globalAlpha = TINT[hatch];
    context.drawImage(mask, 0, 0, image.width, image.height);
    context.globalAlpha = 1;
    if (hatch === "plain") return;
    const sheet = new OffscreenCanvas(width, height).getContext("2d");
    sheet.imageSmoothingEnabled = context.imageSmoothingEnabled;
    sheet.setTransform(view);
    sheet.drawImage(mask, 0, 0, image.width, image.height);
    sheet.setTransform(1, 0, 0, 1, 0, 0);
    sheet.globalCompositeOperation = "source-in";
    sheet.fillStyle = stripePattern(sheet, colours[kind], hatch);
    sheet.fillRect(0, 0, width, height);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(sheet.canvas, 0, 0);
    context.setTransform(view);
  });
}

// The swatch of the legend wears the same hatch.
function swatch(colour, kind) {
  const tint = `color-mix(in srgb, ${colour} ${TINT[STRIPES[kind]] * 100}%, transparent)`;
  const turn = { rising: "135deg", falling: "45deg" }[STRIPES[kind]];
  const stripes = `repeating-linear-gradient(${turn}, ${colour} 0 1.5px, ${tint} 1.5px 4px)`;
  const made = dot(turn ? stripes : tint);
  made.classList.add("swatch");
  return made;
}
