// How it is looked at, in the link: "#view=zoom,x,y&window=W&level=L&fill=40&outline=off". A link that
// is sent or reloaded shows the same; what is as at the start is left out. Methods of the viewer.
const LINKED = ["fill", "outline", "heat", "heat-opacity", "swipe"]; // controls, by name
const OURS = /^#(view|window|fill|outline|heat|heat-opacity|swipe|divider)=/;
// The link that the page was opened with, for the first viewer: by then Streamlit may have mended it,
// which takes off what is behind the #.
globalThis.brainsegOpened ??= performance.getEntriesByType("navigation")[0]?.name ?? "";
const stateOf = (input) => (input.type === "checkbox" ? (input.checked ? "on" : "off") : input.value);

const linking = {
  listenToLink() {
    for (const name of LINKED) this.input(name).addEventListener("input", () => this.link());
    const changed = () => {
      if (!this.root.isConnected) return window.removeEventListener("hashchange", changed);
      if (!this.linked) return;
      this.followLink();
      this.built = null;
      this.build();
    };
    window.addEventListener("hashchange", changed); // a link pasted over this one
    const rewritten = () => {
      if (!this.root.isConnected) return navigation.removeEventListener("currententrychange", rewritten);
      this.link();
    };
    globalThis.navigation?.addEventListener("currententrychange", rewritten); // by a rerun: without the #
  },

  // Take over what the link says; what it does not say, or says badly, is as at the start.
  followLink() {
    this.path = location.pathname;
    this.starts ??= LINKED.map((name) => [name, stateOf(this.input(name))]);
    const opened = openedWith();
    const asked = new URLSearchParams(this.linked ? (location.hash || opened).slice(1) : "");
    for (const [name, start] of this.starts) this.setControl(name, asked.get(name) ?? start, start);
    const view = numbersIn(asked.get("view"));
    this.view = view.length === 3 ? clampView({ zoom: view[0], x: view[1], y: view[2] }) : WHOLE;
    this.range = this.data.window && (this.linkedRange(asked) ?? this.data.window);
    const split = numbersIn(asked.get("divider"));
    this.split = split.length === 1 ? Math.min(1, Math.max(0, split[0])) : 0.5;
  },

  setControl(name, asked, start) {
    const input = this.input(name);
    if (input.type === "checkbox") input.checked = asked === "on";
    else input.value = input.type === "range" && !numbersIn(asked).length ? start : asked;
  },

  linkedRange(asked) {
    const [low, high] = this.full;
    const [width, level] = ["window", "level"].map((name) => numbersIn(asked.get(name))[0]);
    if (!(width > 0) || level === undefined) return null;
    return toRange({ width: Math.min(high - low, width), level: Math.min(high, Math.max(low, level)) });
  },

  linkText() {
    const parts = [];
    const say = (name, ...values) => parts.push(`${name}=${values.map((n) => Number(n.toPrecision(5)))}`);
    if (this.view.zoom > 1) say("view", this.view.zoom, this.view.x, this.view.y);
    if (this.range && String(this.range) !== String(this.data.window)) {
      const { width, level } = toWindow(this.range);
      say("window", width);
      say("level", level);
    }
    for (const [name, start] of this.starts) {
      const now = stateOf(this.input(name));
      const told = name === "swipe" && typeof this.data.swipe === "boolean"; // the screen's, not ours
      if (now !== start && !told) parts.push(`${name}=${encodeURIComponent(now)}`);
    }
    if (this.swiping && this.split !== 0.5) say("divider", this.split);
    return parts.length ? `#${parts.join("&")}` : "";
  },

  // A little later: while the hand moves there is no hurry, and a rerun may write the address anew.
  link() {
    if (!this.linked && !OURS.test(location.hash)) return;
    clearTimeout(this.linking);
    this.linking = setTimeout(() => {
      if (!this.root.isConnected || location.pathname !== this.path) return; // another screen
      const hash = this.linked ? this.linkText() : "";
      if (hash !== location.hash)
        history.replaceState(history.state, "", location.pathname + location.search + hash);
    }, STILL_MS);
  },
};

// What the link had behind the # when the page was opened on this screen; asked for once.
function openedWith() {
  const opened = globalThis.brainsegOpened;
  globalThis.brainsegOpened = "";
  if (!opened) return "";
  const { pathname, hash } = new URL(opened);
  return pathname === location.pathname ? hash : "";
}

// The finite numbers of "1,2.5,3"; none where there is anything else in it.
function numbersIn(text) {
  const found = text ? text.split(",").map(Number) : [];
  return found.every(Number.isFinite) ? found : [];
}
