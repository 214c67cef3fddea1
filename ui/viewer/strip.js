// The area of every slice as bars: follows the threshold; a click or a drag goes to the slice.
class Strip {
  constructor(box, goTo) {
    this.canvas = box.querySelector("canvas");
    this.note = box.querySelector("span");
    this.box = box;
    const aim = (event) => {
      const place = this.canvas.getBoundingClientRect();
      const at = Math.floor(((event.clientX - place.left) / place.width) * this.depth);
      goTo(Math.min(this.depth - 1, Math.max(0, at)));
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      aim(event);
    });
    this.canvas.addEventListener("pointermove", (event) => event.buttons & 1 && aim(event));
  }

  // rows: [{colour, areas: [number|null per slice]}]
  draw(depth, index, rows, unit) {
    this.depth = depth;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [this.canvas.clientWidth * ratio, this.canvas.clientHeight * ratio];
    if (!width) return;
    [this.canvas.width, this.canvas.height] = [width, height];
    const context = this.canvas.getContext("2d");
    const most = Math.max(1, ...rows.flatMap((row) => row.areas.map((area) => area ?? 0)));
    const step = width / depth;
    const style = getComputedStyle(this.canvas);
    context.fillStyle = style.getPropertyValue("--here");
    context.fillRect(index * step, 0, Math.max(step, 2), height);
    const gap = step > 4 * ratio ? step * 0.12 : 0;
    const bar = (step - 2 * gap) / rows.length;
    rows.forEach((row, place) => {
      row.areas.forEach((area, at) => {
        context.fillStyle = area === null ? style.getPropertyValue("--unknown") : row.colour;
        const tall = area === null ? 2 * ratio : (area / most) * (height - 2 * ratio);
        context.fillRect(at * step + gap + place * bar, height - tall, Math.max(bar, 1), tall);
      });
    });
    this.describe(rows, most, unit);
  }

  describe(rows, most, unit) {
    const peaks = rows.map((row) => {
      const top = Math.max(...row.areas.map((area) => area ?? 0));
      if (!top) return `${row.name}: nothing found`;
      return `${row.name}: largest on slice ${row.areas.indexOf(top) + 1}, ${unit(top)}`;
    });
    this.note.textContent = `Area of every slice at this threshold (click: go there) · ${peaks.join(" · ")}`;
    this.canvas.setAttribute("aria-label", this.note.textContent);
  }
}
