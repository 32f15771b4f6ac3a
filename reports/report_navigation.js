// A link to itself beside each heading.

function addAnchor(heading) {
  const id = heading.id || (heading === heading.parentElement.querySelector("h2, h3") && heading.parentElement.id);
  if (!id) return;
  const label = write(words.section, { title: heading.textContent.trim() });
  heading.append(" ", create("a", { href: `#${id}`, class: "anchor", "aria-label": label }, "#"));
}

document.querySelectorAll("h2, h3").forEach(addAnchor);
