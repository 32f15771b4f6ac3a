// Under each figure a button that saves it as a file of its own; over its marks, what each of them stands for.

const REACH = 24; // pixels around a mark within which it is the one that is meant

function offerDownload(figure, place) {
  const drawing = figure.querySelector("svg");
  const name = figure.id || figure.closest("[id]")?.id || `figure-${place + 1}`;
  const button = create("button", { type: "button", class: "save" }, words.save);
  button.addEventListener("click", () => {
    const copy = drawing.cloneNode(true);
    copy.style.strokeLinejoin = "round"; // as the page's style sheet draws it
    copy.style.strokeLinecap = "butt";
    const title = document.createElementNS(drawing.namespaceURI, "title");
    title.append(figure.querySelector(".headline").textContent);
    copy.prepend(title);
    const text = `<?xml version="1.0" encoding="utf-8"?>\n${new XMLSerializer().serializeToString(copy)}\n`;
    const address = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
    create("a", { href: address, download: `${name}.svg` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  });
  figure.append(button);
}

/** Say what a mark stands for where it is pointed at or tapped, and of one after the other with the arrow keys. */
function readMarks(figure) {
  const card = figure.querySelector(".card");
  const marks = [...card.querySelectorAll("g > title")].map((title) => title.parentElement);
  if (!marks.length) return;
  const said = marks.map((mark) => mark.querySelector(":scope > title").textContent);
  const note = create("p", { class: "reading", role: "status" });
  const hint = create("span", { class: "hint", id: `${figure.id}-hint` }, words.hint);
  figure.append(note);
  figure.querySelector("figcaption").append(hint);
  card.setAttribute("aria-describedby", hint.id);
  card.classList.add("reads"); // and the browser no longer shows the titles by itself
  let shown = -1;

  function show(place) {
    if (place === shown) return;
    marks[shown]?.classList.remove("shown");
    shown = place;
    note.replaceChildren(...(place < 0 ? [] : [isolate("span", said[place])]));
    if (place < 0) return;
    marks[place].classList.add("shown");
    const mark = marks[place].getBoundingClientRect();
    const frame = figure.getBoundingClientRect();
    const left = mark.left + mark.width / 2 - frame.left - note.offsetWidth / 2;
    note.style.left = `${Math.max(0, Math.min(left, frame.width - note.offsetWidth))}px`;
    note.style.top = `${Math.max(0, mark.top - frame.top - note.offsetHeight - 8)}px`;
  }

  function findNearest({ clientX, clientY }) {
    const distances = marks.map((mark) => {
      const box = mark.getBoundingClientRect();
      const outside = [box.left - clientX, clientX - box.right, box.top - clientY, clientY - box.bottom];
      const beside = Math.hypot(Math.max(0, outside[0], outside[1]), Math.max(0, outside[2], outside[3]));
      // of several marks that lie there the one whose middle is nearest
      return beside + Math.hypot(box.left + box.width / 2 - clientX, box.top + box.height / 2 - clientY) / 1000;
    });
    const nearest = distances.indexOf(Math.min(...distances));
    return distances[nearest] < REACH ? nearest : -1;
  }

  function step(event) {
    const last = marks.length - 1;
    const places = {
      ArrowRight: Math.min(last, shown + 1),
      ArrowDown: Math.min(last, shown + 1),
      ArrowLeft: Math.max(0, shown - 1),
      ArrowUp: Math.max(0, shown - 1),
      Home: 0,
      End: last,
      Escape: -1,
    };
    if (!(event.key in places)) return;
    event.preventDefault();
    marks[places[event.key]]?.scrollIntoView({ block: "nearest", inline: "nearest" });
    show(places[event.key]);
  }

  card.addEventListener("pointermove", (event) => show(findNearest(event)));
  card.addEventListener("pointerdown", (event) => show(findNearest(event)));
  card.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && show(-1));
  card.addEventListener("keydown", step);
  card.addEventListener("blur", () => show(-1));
}

for (const [place, figure] of [...document.querySelectorAll("figure:has(svg)")].entries()) {
  readMarks(figure);
  offerDownload(figure, place);
}
