// One button a slice. The arrow keys walk through them, so that Tab takes one step past them all.
const grids = new WeakMap();

function made(tag, kind, text) {
  const one = document.createElement(tag);
  if (kind) one.className = kind;
  if (text) one.textContent = text;
  return one;
}

function cardOf({ number, note, picture }, current) {
  const card = made("button", "card");
  card.type = "button";
  card.dataset.number = number;
  card.tabIndex = -1;
  card.setAttribute("aria-label", `Open slice ${number}${note ? `, ${note}` : ""}`);
  if (number === current) card.setAttribute("aria-current", "true");
  const image = picture ? made("img") : made("span", "broken", "This file cannot be read");
  if (picture) Object.assign(image, { src: picture, alt: "", decoding: "async" });
  const name = made("span", "name");
  name.append(made("b", "", String(number)), note ? ` · ${note}` : "");
  card.append(image, name);
  return card;
}

class Grid {
  constructor(root) {
    this.root = root;
    root.addEventListener("click", (event) => {
      const card = event.target.closest(".card");
      if (card) this.send("open", Number(card.dataset.number));
    });
    root.addEventListener("keydown", (event) => this.keyed(event));
    root.addEventListener("focusin", (event) => this.reach(event.target.closest(".card")));
  }

  get cards() {
    return [...this.root.querySelectorAll(".card")];
  }

  reach(card) {
    for (const other of this.cards) other.tabIndex = other === card ? 0 : -1;
  }

  update(data, send) {
    this.send = send;
    this.root.setAttribute("aria-label", data.label);
    const shown = JSON.stringify(data);
    if (shown === this.shown) return;
    this.shown = shown;
    const focused = this.root.getRootNode().activeElement?.closest?.(".card") && this.root.isConnected;
    this.root.replaceChildren(...data.cards.map((card) => cardOf(card, data.current)));
    const first = this.root.querySelector("[aria-current]") ?? this.cards[0];
    this.reach(first);
    if (focused) first?.focus();
  }

  keyed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const cards = this.cards;
    const here = cards.indexOf(event.target.closest(".card"));
    const across = getComputedStyle(this.root).gridTemplateColumns.split(" ").length;
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[event.key];
    const ends = { Home: 0, End: cards.length - 1 }[event.key];
    const turn = { PageUp: -1, PageDown: 1 }[event.key];
    if (turn) this.send("turn", turn);
    const next = cards[by ? here + by : ends];
    if (!turn && by === undefined && ends === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    next?.focus();
  }
}

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".grid");
  if (!grids.has(root)) grids.set(root, new Grid(root));
  grids.get(root).update(data, setTriggerValue);
}
