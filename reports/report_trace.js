// Where a number is from: its row in results.json, the files and the method behind it, and how to look it up.

function startTrace() {
  const data = readJson("trace-data");
  const panel = find("trace");
  const [title, list] = [find("trace-title"), find("trace-list")];

  const addLine = (name, ...parts) => list.append(create("dt", {}, name), create("dd", {}, ...parts));
  const listCodes = (names) => names.flatMap((name, place) => [place ? ", " : "", isolate("code", name)]);

  function show(link) {
    const [, kind, number] = link.hash.split("/");
    const [interval, ...files] = data.rows[kind][number];
    title.textContent = link.textContent.trim();
    list.replaceChildren();
    addLine(words.traceRow, create("a", { href: link.getAttribute("href") }, `${data.file} /${kind}/${number}`));
    if (interval !== -1) addLine(words.traceInterval, create("code", {}, data.intervals[interval]));
    if (files.length) addLine(words.traceFiles, ...listCodes(files.map((file) => data.files[file])));
    addLine(words.traceLook, create("code", {}, `jq '.${kind}[${number}]' ${data.file}`));
    panel.showPopover();
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a.trace");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || !panel.showPopover) return;
    event.preventDefault();
    show(link);
  });
}

startTrace();
