// The question browser: every question with the answers of all runs, filtered, searched and turned by page.

const PAGE_SIZE = 25;
const ABSENT = -1;
const RIGHT = ["good", "\u2713"];
const WRONG = ["bad", "\u2717"];

const JUDGED = {
  all: () => true,
  fixed: ({ first, second }) => first === false && second,
  broken: ({ first, second }) => first && second === false,
  wrong: ({ first, second }) => first === false && second === false,
  right: ({ first, second }) => first && second,
  disagree: ({ differ }) => differ,
};
const MEASURED = {
  all: () => true,
  second: ({ first, second }, tie) => second - first > tie,
  first: ({ first, second }, tie) => first - second > tie,
  tie: ({ first, second }, tie) => Math.abs(first - second) <= tie,
};
const FILTERS = {
  maths: { ...JUDGED, readings: ({ readTwice }) => readTwice },
  text: MEASURED,
  // kinds of logs
  right: JUDGED,
  points: MEASURED,
  penalty: MEASURED,
};

function startBrowser() {
  const data = readJson("questions-data");
  const { texts, runs, marks } = data;
  const parts = ["task", "first", "second", "mark", "query", "list"];
  const [taskBox, firstBox, secondBox, markBox, queryBox, list] = parts.map((name) => find(`questions-${name}`));
  const state = { filter: "all", page: 0, wanted: "", query: null, hits: null, shown: [] };
  const task = () => data.tasks[taskBox.value];
  const isMaths = () => task().kind === "maths";
  const isLogged = () => ["right", "points", "penalty"].includes(task().kind);
  const isJudged = () => isMaths() || task().kind === "right";
  const judgedBy = () => (isMaths() ? marks[markBox.value] : marks.correct);
  const tie = () => (isLogged() ? 0 : data.tie);
  const pair = () => [Number(firstBox.value), Number(secondBox.value)];
  const readAnswer = (run, item) => {
    const [text, tokens, bits, ...rest] = task().answers[run][item];
    const common = { text: texts[text], tokens, bits, has: (name) => (bits & marks[name]) !== 0 };
    if (isLogged()) return { ...common, points: rest[0], seeds: rest[1] };
    if (!isMaths()) return { ...common, rougeL: rest[0], chrf: rest[1] };
    const [tagged, last, rewards, seeds] = rest;
    return { ...common, tagged: texts[tagged], last: texts[last], rewards: task().rewards[rewards], seeds };
  };

  const nameRun = (run) => isolate("bdi", runs[run].label);
  function createChip(run) {
    const dot = create("span", { class: "chip" });
    dot.style.background = runs[run].colour;
    const [first, second] = pair();
    const letters = [run === first && "A", run === second && "B"].filter(Boolean);
    const signs = letters.flatMap((letter) => [" ", create("b", { class: "letter" }, letter)]);
    return create("span", { class: "run" }, dot, nameRun(run), ...signs);
  }

  // which questions are shown

  // a run that was not asked a question has no row there, and fits no filter
  const wasAsked = (run, item) => task().answers[run][item] !== null;

  function compare(item) {
    const judge = (row) => (isJudged() ? (row[2] & judgedBy()) !== 0 : row[3]);
    const values = task().answers.map((rows) => (rows[item] ? judge(rows[item]) : undefined));
    const [first, second] = pair();
    const bits = task().answers[first][item]?.[2];
    const readTwice = ((bits & marks.strict) !== 0) !== ((bits & marks.flexible) !== 0);
    const differ = new Set(values.filter((value) => value !== undefined)).size > 1;
    return { first: values[first], second: values[second], differ, readTwice };
  }

  function search() {
    const wanted = queryBox.value.trim();
    clearTimeout(state.wait);
    if (wanted === state.wanted) return; // the list keeps its focus
    state.wanted = wanted;
    [state.query, state.hits] = searchTexts(wanted);
    refresh();
  }

  function searchTexts(wanted) {
    if (!wanted) return [null, null];
    const literal = wanted.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
    const once = new RegExp(literal, "iu");
    return [new RegExp(literal, "giu"), texts.map((text) => once.test(text))];
  }

  function isFound(item) {
    const [id, said, reference, gold] = task().items[item];
    const asked = said.filter((_, place) => place % 2 === 1 && texts[said[place - 1]] !== "system");
    const places = [id, ...asked, reference, gold, ...task().answers.map((rows) => rows[item]?.[0] ?? ABSENT)];
    return places.some((place) => place !== ABSENT && state.hits[place]);
  }

  function refresh() {
    const { kind, items } = task();
    const found = items.map((_, item) => item).filter((item) => !state.hits || isFound(item));
    const verdicts = new Map(found.map((item) => [item, compare(item)]));
    const chosen = Object.entries(FILTERS[kind]).map(([name, fits]) => [
      name,
      found.filter((item) => fits(verdicts.get(item), tie())),
    ]);
    for (const [name, fitting] of chosen) find(`questions-count-${name}`).textContent = formatCount(fitting.length);
    state.shown = Object.fromEntries(chosen)[state.filter];
    const [first, second] = pair();
    const named = { first: nameRun(first), second: nameRun(second), tie: formatDecimal(data.tie / 10000, 2) };
    find("questions-hint").replaceChildren(fillIn(words.hints[kind], named));
    find("questions-legend").replaceChildren(words.legend, ...runs.flatMap((_, run) => [" ", createChip(run)]));
    const count = { count: formatCount(state.shown.length), total: formatCount(items.length) };
    find("questions-count").textContent = write(words.shown, count) + (state.shown.length ? "" : `. ${words.none}`);
    drawPage(0);
  }

  function drawFilters() {
    const { kind } = task();
    state.filter = state.filter in FILTERS[kind] ? state.filter : "all";
    const choices = Object.keys(FILTERS[kind]).map((name) => {
      const box = create("input", { type: "radio", name: "questions-filter", value: name });
      box.checked = name === state.filter;
      const number = create("span", { id: `questions-count-${name}`, class: "questions-number" });
      const label = create("span", {}, words.filters[kind][name], " ", number);
      return create("label", { class: "questions-filter" }, box, label);
    });
    find("questions-filters").replaceChildren(...choices);
    find("questions-judging").hidden = !isMaths();
  }

  // the list

  function drawPage(page) {
    const { length } = state.shown;
    const start = page * PAGE_SIZE;
    const end = Math.min(start + PAGE_SIZE, length);
    state.page = page;
    list.start = start + 1;
    list.replaceChildren(...state.shown.slice(start, end).map(createEntry));
    find("questions-previous").disabled = page === 0;
    find("questions-next").disabled = end >= length;
    find("questions-previous").parentElement.hidden = length <= PAGE_SIZE;
    const range = { from: formatCount(start + 1), to: formatCount(end), count: formatCount(length) };
    find("questions-page").textContent = write(words.pages, range);
  }

  function createEntry(item) {
    const [, said] = task().items[item];
    const panel = create("div", { class: "questions-panel", id: `questions-panel-${item}` });
    const title = isolate("span", texts[said.at(-1)].trim().slice(0, 400), state.query, { class: "questions-title" });
    const number = create("span", { class: "questions-number" }, formatCount(item + 1));
    const heading = create(
      "button",
      { type: "button", class: "questions-heading", "aria-expanded": "false", "aria-controls": panel.id },
      ...[number, " ", title, " ", createMarks(item)],
    );
    panel.hidden = true;
    heading.addEventListener("click", () => {
      panel.hidden = !panel.hidden;
      heading.setAttribute("aria-expanded", String(!panel.hidden));
      panel.replaceChildren(...(panel.hidden ? [] : createDetails(item)));
    });
    return create("li", {}, create("h3", {}, heading), panel);
  }

  function createMarks(item) {
    const cells = runs.map(({ label, colour }, run) => {
      if (!wasAsked(run, item)) {
        const name = write(words.notAsked, { run: showPlainly(label) });
        return create("span", { class: "plain", role: "img", "aria-label": name, title: name }, "\u2013");
      }
      const row = task().answers[run][item];
      const right = (row[2] & judgedBy()) !== 0;
      const value = formatDecimal(row[3] / 10000, 2);
      const spoken = isJudged() ? words[right ? "isRight" : "isWrong"] : words[isLogged() ? "scored" : "likeness"];
      const name = write(spoken, { run: showPlainly(label), value });
      const [looks, sign] = isJudged() ? (right ? RIGHT : WRONG) : ["plain", value];
      const mark = create("span", { class: looks, role: "img", "aria-label": name, title: name }, sign);
      mark.style.borderColor = colour;
      return mark;
    });
    return create("span", { class: "questions-marks" }, ...cells);
  }

  function createDetails(item) {
    const [id, said, reference, gold] = task().items[item];
    const messages = create("dl", { class: "messages" });
    for (let place = 0; place < said.length; place += 2) {
      const text = isolate("dd", texts[said[place + 1]], state.query, { class: "text" });
      messages.append(isolate("dt", texts[said[place]]), text);
    }
    const row = fillIn(words.row, { id: isolate("code", texts[id], state.query) });
    const link = create("a", { href: `#${nameQuestion(item)}` }, words.link);
    const named = { gold: isolate("b", texts[gold] ?? "", state.query) };
    const [first, second] = pair();
    const order = [...new Set([first, second, ...runs.keys()])].filter((run) => wasAsked(run, item));
    return [
      create("p", { class: "n" }, row, " \u00b7 ", link),
      messages,
      ...(texts[reference] || !isLogged() ? createReference(reference, gold, named) : []),
      create("div", { class: "answers" }, ...order.map((run) => createAnswer(run, item))),
    ];
  }

  const createReference = (reference, gold, named) => [
    create("p", { class: "n" }, gold === ABSENT ? words.reference : fillIn(words.gold, named)),
    isolate("div", texts[reference], state.query, { class: "text box reference" }),
  ];

  const countSeeds = (run, { seeds }) =>
    runs[run].seeds > 1
      ? [write(words.seeds, { right: formatCount(seeds), seeds: formatCount(runs[run].seeds) })]
      : [];

  function createAnswer(run, item) {
    const answer = readAnswer(run, item);
    const head = create("p", { class: "head" }, create("b", {}, createChip(run)));
    const counted = write(answer.has("truncated") ? words.cut : words.tokens, { count: formatCount(answer.tokens) });
    const parts = isLogged() ? [] : [counted];
    if (isLogged()) {
      if (isJudged()) {
        const [looks, sign] = answer.has("correct") ? RIGHT : WRONG;
        head.append(" ", create("span", { class: `verdict ${looks}` }, sign));
        parts.push(...countSeeds(run, answer));
      } else {
        parts.push(write(words.points, { value: formatDecimal(answer.points / 10000, 3) }));
      }
    } else if (isMaths()) {
      for (const name of Object.keys(marks).filter((name) => name in words.verdicts)) {
        const [looks, sign] = answer.has(name) ? RIGHT : WRONG;
        head.append(" ", create("span", { class: `verdict ${looks}` }, `${sign} ${words.verdicts[name]}`));
      }
      const extracted = (text) => (text === undefined ? words.nothing : isolate("b", text));
      parts.push(fillIn(words.tagged, { number: extracted(answer.tagged) }));
      parts.push(fillIn(words.last, { number: extracted(answer.last) }));
      parts.push(...countSeeds(run, answer));
      answer.rewards.forEach((value, place) => {
        parts.push(`${task().reward_names[place].replaceAll("_", " ")} ${value === null ? "–" : formatDecimal(value, 2)}`);
      });
    } else {
      parts.push(`${words.rougeL} ${formatDecimal(answer.rougeL / 10000, 3)}`);
      parts.push(`${words.chrf} ${formatDecimal(answer.chrf / 100, 1)}`);
    }
    const absent = answer.text === undefined ? words.unlogged : words.empty;
    const text = isolate("div", answer.text || absent, answer.text ? state.query : null, { class: "text box" });
    const details = create("p", { class: "parts" }, ...parts.flatMap((part) => [create("span", {}, part), " "]));
    const box = create("div", { class: "answer" }, head, text, details);
    box.style.borderTopColor = runs[run].colour;
    return box;
  }

  // keys and links

  const nameQuestion = (item) => `question/${task().name}/${texts[task().items[item][0]]}`;
  const listHeadings = () => [...list.querySelectorAll(".questions-heading")];

  function turnPage(step, last = false) {
    drawPage(state.page + step);
    listHeadings().at(last ? -1 : 0).focus();
    if (!last) find("questions-count").scrollIntoView({ block: "start" });
  }

  function move(step) {
    const headings = listHeadings();
    const place = headings.indexOf(document.activeElement?.closest("li")?.querySelector(".questions-heading"));
    const next = place === -1 ? 0 : place + step;
    if (headings[next]) headings[next].focus();
    else if (next >= 0 && !find("questions-next").disabled) turnPage(1);
    else if (next < 0 && state.page > 0) turnPage(-1, true);
  }

  function isInUse() {
    const { top, bottom } = find("questions").getBoundingClientRect();
    return find("questions").contains(document.activeElement) || (top < innerHeight && bottom > 0);
  }

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, select, textarea, [contenteditable]");
    if (event.ctrlKey || event.metaKey || event.altKey || typing || !isInUse()) return;
    const inList = list.contains(event.target);
    const steps = { j: 1, k: -1, ...(inList && { ArrowDown: 1, ArrowUp: -1 }) };
    if (event.key === "/") queryBox.focus();
    else if (event.key in steps) move(steps[event.key]);
    else return;
    event.preventDefault();
  });

  /** Follow a link to one question (`question/task/id`), or to a run's answers under a filter (`answers/task/filter/run`). */
  function follow() {
    const [kind, name, id, run] = decodeURIComponent(location.hash.slice(1)).split("/");
    const place = data.tasks.findIndex((row) => row.name === name);
    if (place === -1) return;
    if (kind === "question") openQuestion(place, id);
    else if (kind === "answers" && id in FILTERS[data.tasks[place].kind] && runs[run]) showAnswers(place, id, run);
  }

  function showAnswers(place, filter, run) {
    [taskBox.value, queryBox.value, firstBox.value, state.filter] = [place, "", run, filter];
    search();
    drawFilters();
    refresh();
    find("questions").scrollIntoView({ block: "start" });
    listHeadings()[0]?.focus({ preventScroll: true });
  }

  function openQuestion(place, id) {
    const item = data.tasks[place].items.findIndex(([text]) => texts[text] === id);
    if (item === -1) return;
    [taskBox.value, queryBox.value, state.filter] = [place, "", "all"];
    search();
    drawFilters();
    refresh();
    drawPage(Math.floor(item / PAGE_SIZE));
    const heading = listHeadings()[item % PAGE_SIZE];
    heading.click();
    heading.focus();
  }

  // the beginning

  const createOption = (label, value) => create("option", { value }, showPlainly(label));
  taskBox.append(...data.tasks.map(({ label }, place) => createOption(label, place)));
  taskBox.parentElement.hidden = data.tasks.length === 1;
  for (const box of [firstBox, secondBox]) box.append(...runs.map(({ label }, place) => createOption(label, place)));
  [firstBox.value, secondBox.value] = data.pair;
  const judgements = Object.keys(marks).filter((name) => name in words.marks);
  markBox.append(...judgements.map((name) => createOption(words.marks[name], name)));
  taskBox.addEventListener("change", () => (drawFilters(), refresh()));
  for (const box of [firstBox, secondBox, markBox]) box.addEventListener("change", refresh);
  find("questions-filters").addEventListener("change", (event) => ((state.filter = event.target.value), refresh()));
  queryBox.addEventListener("change", search); // on leaving the box, before the pause is over
  queryBox.addEventListener("input", () => {
    clearTimeout(state.wait);
    state.wait = setTimeout(search, 120);
  });
  find("questions-previous").addEventListener("click", () => turnPage(-1));
  find("questions-next").addEventListener("click", () => turnPage(1));
  addEventListener("hashchange", follow);
  find("questions-browser").hidden = false;
  drawFilters();
  refresh();
  follow();
}

startBrowser();
