// Zoom and place in the link, "#view=zoom,x,y": a link that is sent or reloaded shows the same part.
// Methods of the viewer.
const LINKED = /^#view=([\d.]+),([\d.]+),([\d.]+)$/;

const linking = {
  linkedView() {
    const told = (this.linked && LINKED.exec(location.hash)?.slice(1).map(Number)) || [];
    if (told.length !== 3 || !told.every(Number.isFinite)) return null;
    const [zoom, x, y] = told;
    return clampView({ zoom, x, y });
  },

  // A little later: while the hand moves there is no hurry, and a rerun may write the address anew.
  link() {
    if (!this.linked) return;
    clearTimeout(this.linking);
    this.linking = setTimeout(() => {
      if (!this.root.isConnected) return; // another screen, another address
      const place = [this.view.zoom, this.view.x, this.view.y].map((n) => Number(n.toFixed(4)));
      const hash = this.view.zoom > 1 ? `#view=${place}` : "";
      if (hash !== location.hash)
        history.replaceState(history.state, "", location.pathname + location.search + hash);
    }, STILL_MS);
  },
};
