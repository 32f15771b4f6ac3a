// A button under each figure that saves it as a file of its own.

function offerDownload(figure, place) {
  const drawing = figure.querySelector("svg");
  const name = figure.id || figure.closest("[id]")?.id || `figure-${place + 1}`;
  const button = create("button", { type: "button", class: "save" }, words.save);
  button.addEventListener("click", () => {
    const copy = drawing.cloneNode(true);
    copy.style.strokeLinejoin = "round"; // as the page's style sheet draws it
    copy.style.strokeLinecap = "butt";
    const text = `<?xml version="1.0" encoding="utf-8"?>\n${new XMLSerializer().serializeToString(copy)}\n`;
    const address = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
    create("a", { href: address, download: `${name}.svg` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  });
  figure.append(button);
}

[...document.querySelectorAll("figure")].filter((figure) => figure.querySelector("svg")).forEach(offerDownload);
