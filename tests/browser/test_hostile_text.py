"""Nothing that a model, a data set or a label says becomes more than text."""

import pytest
from playwright.sync_api import expect
from report_pages import build_known_study, write_page

from tunelab.records import read_jsonl, write_jsonl

ATTACKS = (
    "</script><script>window.attacked = 1</script>",
    '<img src="https://example.org/x.png" onerror="window.attacked = 2">',
    "<!--<script>window.attacked = 3//",
    "\"><svg onload='window.attacked = 4'></svg>",
    "<a href='javascript:window.attacked = 5'>link</a><style>body { display: none }</style>",
    "]]></textarea></title><iframe src='https://example.org/'></iframe>",
    "{{ cycler.__init__ }} {% raw %} %(seed)s {count} &lt;b&gt;",
    "\u2028alert(1)\u2029\u0085 \u202eforwards\u2066 \u200b\ufeff \x00\x07\x1b[31m",
)
SPOKEN = ATTACKS[:-1]  # what can be looked for word for word
HIDDEN = ["U+2028", "U+2029", "U+0085", "U+202E", "U+2066", "U+200B", "U+FEFF", "U+0000", "U+0007", "U+001B"]


def spoil(root):
    """Put an attack before every text of the first rows, another one in each."""
    for path in root.glob("datasets/*/test_dataset.json"):
        rows = read_jsonl(path)
        for row, attack in zip(rows, ATTACKS, strict=False):
            for message in row["messages"]:
                message["content"] = attack + message["content"]
        write_jsonl(path, rows)
    for path in root.glob("runs/*/*/*/*.jsonl"):
        rows = read_jsonl(path)
        for row, attack in zip(rows, ATTACKS, strict=False):
            if "completion" in row:
                row["completion"] = attack + row["completion"]
            if "extracted" in row:
                row["extracted"] = dict.fromkeys(row["extracted"], attack)
        write_jsonl(path, rows)


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    study = build_known_study()
    study["study"]["title"] = ATTACKS[0]
    study["runs"]["grpo"]["label"] = f"{SPOKEN[1]}\u202e"
    study["runs"]["lora"]["label"] = SPOKEN[3]
    study["tasks"]["arithmetic"]["label"] = SPOKEN[0]
    return write_page(tmp_path_factory.mktemp("spoilt"), study, rows=12, spoil=spoil)


def test_no_script_runs_and_nothing_is_asked_for(visit, spoilt):
    page = visit(spoilt)
    for place in range(12):
        page.locator(".questions-heading").nth(place).click()
    assert page.locator("#questions .answer").count() == 60
    assert page.evaluate("window.attacked") is None
    for name in ("img", "iframe", "[onload]", "[onerror]", "a[href^=javascript]", "textarea", "body style"):
        assert page.locator(name).count() == 0, name
    assert page.locator("script").count() == 4  # two of data, the words, and the page's own
    assert page.evaluate("getComputedStyle(document.body).display") != "none"


@pytest.mark.parametrize("place", range(len(SPOKEN)))
def test_the_text_of_an_attack_is_shown_as_it_was_written(visit, spoilt, place):
    page = visit(spoilt)
    page.fill("#questions-query", SPOKEN[place])
    expect(page.locator("#questions-count")).to_have_text("1 of 12 questions")
    page.locator(".questions-heading").click()
    assert page.locator(".questions-panel dd").inner_text().startswith(SPOKEN[place])
    boxes = page.locator(".questions-panel .answer .box").all_inner_texts()
    assert [text.startswith(SPOKEN[place]) for text in boxes] == [True] * 5


def test_characters_that_hide_or_reorder_text_are_named(visit, spoilt):
    page = visit(spoilt)
    page.locator(".questions-heading").nth(len(ATTACKS) - 1).click()
    answer = page.locator(".questions-panel .answer .box").first
    assert answer.locator(".codepoint").all_inner_texts() == HIDDEN
    assert not set("\u202e\u2066\u2028\x00") & set(answer.inner_text())
    assert "[31mAnswer 7 from base" in answer.inner_text()


def test_text_keeps_its_direction_to_itself(visit, spoilt):
    page = visit(spoilt)
    page.locator(".questions-heading").first.click()
    kept = "elements => elements.map(element => getComputedStyle(element).unicodeBidi)"
    styles = page.locator("#questions .foreign").evaluate_all(kept)
    assert len(styles) > 20
    assert set(styles) == {"isolate"}
    assert page.locator("#questions-second option:checked").inner_text() == f"{SPOKEN[1]}[U+202E]"


def test_a_label_that_a_mark_says_stays_text(visit, spoilt):
    page = visit(spoilt)
    page.locator("#figure-contrasts .card").focus()
    page.keyboard.press("ArrowRight")
    note = page.locator("#figure-contrasts .reading")
    assert note.inner_text().startswith("<img src=")
    assert SPOKEN[0] in note.inner_text()
    page.locator("#figure-tasks .card").focus()
    page.keyboard.press("End")
    assert page.locator("#figure-tasks .reading .codepoint").all_inner_texts() == ["U+202E"]
    assert page.locator("img, iframe, [onload], [onerror]").count() == 0
    assert page.evaluate("window.attacked") is None


def test_the_policy_refuses_styles_mark_up_and_requests_that_a_script_would_add(browser, report):
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(report.as_uri())
        messages = []
        page.on("console", lambda message: messages.append(message.text))
        page.evaluate("() => { const style = document.createElement('style'); document.body.append(style, 'x') }")
        page.evaluate("() => { document.querySelector('body > style').append('body { display: none }') }")
        refused = "() => { try { document.body.innerHTML = '<b>x</b>' } catch (error) { return error.name } }"
        assert page.evaluate(refused) == "TypeError"
        asked = "() => fetch('https://example.org/').then(() => 'sent', () => 'refused')"
        assert page.evaluate(asked) == "refused"
        assert page.evaluate("getComputedStyle(document.body).display") != "none"
        told = "\n".join(messages)
        assert [word for word in ("style-src-elem", "TrustedHTML", "connect") if word not in told] == []


def test_a_script_in_the_page_that_its_policy_does_not_name_is_not_run(browser, report, tmp_path):
    text = report.read_text(encoding="utf-8")
    tampered = tmp_path / "tampered.html"
    tampered.write_text(text.replace("</body>", "<script>window.attacked = 1</script></body>"), encoding="utf-8")
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(tampered.as_uri())
        assert page.evaluate("window.attacked") is None
        assert page.locator(".questions-heading").count() == 25
