// A link to itself beside each heading; contents that fold on narrow screens and say where one is; folds that open.

function addAnchor(heading) {
  if (heading.closest("summary")) return; // it is a control itself
  const id = heading.id || (heading === heading.parentElement.querySelector("h2, h3") && heading.parentElement.id);
  if (!id) return;
  const label = write(words.section, { title: heading.textContent.trim() });
  heading.append(" ", create("a", { href: `#${id}`, class: "anchor", "aria-label": label }, "#"));
}

/** Mark the section that the upper third of the window shows; above the first one, none. */
function markPlace(links) {
  const height = innerHeight / 3;
  const begun = links.filter(([, section]) => section.getBoundingClientRect().top <= height);
  const atEnd = scrollY > 0 && scrollY + innerHeight >= document.documentElement.scrollHeight - 1;
  const [here] = (atEnd ? links : begun).at(-1) ?? [];
  for (const [link] of links) {
    if (link === here) link.setAttribute("aria-current", "location");
    else link.removeAttribute("aria-current");
  }
}

function startContents() {
  const links = [...document.querySelectorAll("nav a")].map((link) => [link, find(link.hash.slice(1))]);
  let waiting = false;
  const follow = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      markPlace(links);
    });
  };
  addEventListener("scroll", follow, { passive: true });
  addEventListener("resize", follow);
  markPlace(links);
  const wide = matchMedia("(min-width: 70rem)");
  const fold = () => (find("contents").open = wide.matches);
  wide.addEventListener("change", fold);
  fold();
}

/** Open all that folds around the place that the address names, and what that place itself folds. */
function openTarget() {
  const target = find(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  const own = target.querySelector(":scope > details.fold");
  if (own) own.open = true;
  for (let around = target.closest("details"); around; around = around.parentElement.closest("details")) {
    around.open = true;
  }
  target.scrollIntoView();
}

document.querySelectorAll("h2, h3").forEach(addAnchor);
startContents();
addEventListener("hashchange", openTarget);
openTarget();
