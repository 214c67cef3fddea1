// A Plotly figure that is changed in place: zoom, hover and scroll position survive new points.
// Plotly itself comes once a page from the installed package (see live_chart.py).

function themed(layout, box) {
  // The page's own colours and font; they change with the theme, so they are read at every drawing.
  const style = getComputedStyle(box);
  const of = (name) => style.getPropertyValue(name).trim();
  const text = of("--st-text-color") || style.color;
  const grid = of("--st-border-color") || "#88888855";
  const axis = { gridcolor: grid, linecolor: grid, tickcolor: grid, zerolinecolor: grid };
  const back = of("--st-background-color") || "#fff";
  const merged = (mine, theirs) => ({ ...mine, ...theirs });
  return {
    ...layout,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: merged({ color: text, family: of("--st-font") || style.fontFamily, size: 13 }, layout.font),
    xaxis: merged(axis, layout.xaxis),
    yaxis: merged(axis, layout.yaxis),
    hoverlabel: { ...layout.hoverlabel, bgcolor: back, bordercolor: grid, font: { color: text } },
  };
}

function legendHeight(box) {
  return Math.ceil(box.querySelector(".legend .bg")?.getBBox().height ?? 0);
}

function settle(box) {
  // The legend wraps differently than it did: its rows take their room from the page.
  if (box.live && legendHeight(box) !== box.legendHeight) draw(box);
}

function draw(box) {
  const { data, layout, config } = box.figure;
  box.legendHeight = legendHeight(box);
  const height = layout.height + Math.max(0, box.legendHeight - layout.margin.t);
  box.style.height = `${height}px`; // kept free: nothing jumps when Plotly comes
  if (!window.Plotly) {
    box.waiting ??= setInterval(() => window.Plotly && draw(box), 40);
    return;
  }
  clearInterval(box.waiting);
  window.Plotly.react(box, data, themed({ ...layout, height }, box), config)
    .then(() => settle(box))
    .catch((error) => {
      if (box.live) throw error; // else it was taken away while it was drawn
    });
}

export default function ({ parentElement, data: figure }) {
  const box = parentElement.querySelector(".live-chart");
  if (!box.live) {
    box.live = true;
    box.watch = new ResizeObserver(() => {
      if (!box.clientWidth || !box._fullLayout) return;
      window.Plotly.Plots.resize(box).then(() => settle(box));
    });
    box.watch.observe(box);
    box.addEventListener("transitionend", () => draw(box)); // the theme changed the text's colour
  }
  box.setAttribute("aria-label", figure.alt);
  box.figure = figure;
  draw(box);
  return () => {
    clearInterval(box.waiting);
    box.watch.disconnect();
    if (window.Plotly && box._fullLayout) window.Plotly.purge(box);
    box.live = false;
  };
}
