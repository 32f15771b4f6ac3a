// What all features of the page share: words, elements, and text of models and data sets made safe to show.
//
// Such text reaches the document only as text nodes, never as mark-up, and with the characters that would hide or
// reorder it shown by their code points. The words are the page's own, so that it may be in any language.
// The files report_*.js are joined into one script, this one first.

// controls, bidi controls, zero-width and tag characters, lone surrogates; joiners stay, which scripts and emoji need
const HIDDEN = new RegExp(
  "[\\0-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\u00ad\\u061c\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e" +
    "\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\u{d800}-\\u{dfff}\\u{e0000}-\\u{e007f}]",
  "gu",
);

const find = (id) => document.getElementById(id);
const readJson = (id) => JSON.parse(find(id).textContent);
const words = readJson("words");
const language = document.documentElement.lang;
const formatCount = (number) => number.toLocaleString(language);
const formatDecimal = (number, digits) => number.toFixed(digits).replace("-", "\u2212");
const nameCharacter = (found) => "U+" + found.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
const showPlainly = (text) => text.replace(HIDDEN, (found) => `[${nameCharacter(found)}]`);

function create(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Return text in an element of its own, which keeps its direction to itself; `query` marks what was searched for. */
function isolate(name, text, query = null, attributes = {}) {
  const element = create(name, { dir: "auto", ...attributes });
  element.classList.add("foreign");
  let end = 0;
  for (const found of text.matchAll(HIDDEN)) {
    addMarked(element, text.slice(end, found.index), query);
    element.append(create("span", { class: "codepoint" }, nameCharacter(found[0])));
    end = found.index + found[0].length;
  }
  addMarked(element, text.slice(end), query);
  return element;
}

function addMarked(element, text, query) {
  let end = 0;
  for (const found of query ? text.matchAll(query) : []) {
    element.append(text.slice(end, found.index), create("mark", {}, found[0]));
    end = found.index + found[0].length;
  }
  element.append(text.slice(end));
}

/** Put values (nodes or strings) in the places of a sentence that are named in braces. */
function fillIn(sentence, values) {
  const parts = document.createDocumentFragment();
  for (const part of sentence.split(/(\{\w+\})/)) {
    const name = part.match(/^\{(\w+)\}$/)?.[1];
    const value = name in values ? values[name] : part;
    parts.append(value.cloneNode ? value.cloneNode(true) : value); // one node may stand in several places
  }
  return parts;
}
const write = (sentence, values) => fillIn(sentence, values).textContent;
