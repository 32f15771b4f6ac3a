// Tables whose columns can be sorted by a click, and whose rows can be chosen by what they are about.

/** Return the header cells that stand over exactly one column, by that column. */
function listColumns(table) {
  const taken = [];
  const columns = new Map();
  [...table.tHead.rows].forEach((row, top) => {
    let column = 0;
    for (const cell of row.cells) {
      while (taken[top]?.[column]) column += 1;
      for (let down = top; down < top + cell.rowSpan; down += 1) {
        taken[down] ??= [];
        for (let right = column; right < column + cell.colSpan; right += 1) taken[down][right] = true;
      }
      if (cell.colSpan === 1 && top + cell.rowSpan === table.tHead.rows.length) columns.set(column, cell);
      column += cell.colSpan;
    }
  });
  return columns;
}

function makeSortable(table) {
  const body = table.tBodies[0];
  const original = [...body.rows];
  const columns = listColumns(table);
  for (const [column, header] of columns) {
    const button = create("button", { type: "button", class: "sort", title: words.sort }, ...header.childNodes);
    header.replaceChildren(button);
    header.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const next = { none: "ascending", ascending: "descending" }[header.getAttribute("aria-sort")] ?? "none";
      for (const other of columns.values()) other.setAttribute("aria-sort", "none");
      header.setAttribute("aria-sort", next);
      body.append(...(next === "none" ? original : sortRows(original, column, next === "ascending" ? 1 : -1)));
    });
  }
}

/** Sort by the cells' `data-value` where they have one, else by their text; cells without either stay last. */
function sortRows(rows, column, direction) {
  const order = new Intl.Collator(language, { numeric: true });
  const keys = new Map(rows.map((row) => [row, row.cells[column]]));
  const read = (row) => keys.get(row)?.dataset.value ?? keys.get(row)?.textContent.trim() ?? "";
  const numeric = rows.every((row) => read(row) === "" || Number.isFinite(Number(read(row))));
  return [...rows].sort((one, other) => {
    const [left, right] = [read(one), read(other)];
    if (left === "" || right === "") return Number(left === "") - Number(right === "");
    return direction * (numeric ? Number(left) - Number(right) : order.compare(left, right));
  });
}

document.querySelectorAll("table[data-sortable]").forEach(makeSortable);

function makeFilterable(form) {
  const table = find(form.dataset.filters);
  const rows = [...table.tBodies[0].rows];
  const boxes = [...form.querySelectorAll("select")];
  const choose = () => {
    const fits = (row) => boxes.every((box) => !box.value || row.dataset[box.dataset.column].split(" ").includes(box.value));
    for (const row of rows) row.hidden = !fits(row);
    const shown = rows.filter((row) => !row.hidden).length;
    const count = { count: formatCount(shown), total: formatCount(rows.length) };
    form.querySelector("output").textContent = write(words.rowsShown, count);
  };
  form.hidden = false;
  form.addEventListener("change", choose);
  choose(); // a browser may keep what was chosen before a page was loaded again
}

document.querySelectorAll("form[data-filters]").forEach(makeFilterable);
