import pytest
from playwright.sync_api import expect
from report_pages import build_known_study, write_page

HEADINGS = ".questions-heading"


def read_counts(page):
    """Return the number beside every filter."""
    choices = page.locator(".questions-filter").all_inner_texts()
    return {name: int(count) for name, count in (choice.rsplit(" ", 1) for choice in choices)}


def choose(page, name):
    page.locator(".questions-filter", has_text=name).click()


def read_numbers(page):
    return [int(text) for text in page.locator(f"{HEADINGS} .questions-number").all_inner_texts()]


def test_sums_are_sorted_by_what_the_first_contrast_of_the_config_fixed_and_broke(page):
    assert page.locator("#questions-first option:checked").inner_text() == "untouched"
    assert page.locator("#questions-second option:checked").inner_text() == "GRPO"
    # right are every third row and every second: 20 and 30 of 60, 10 of them both
    expected = {"all": 60, "fixed": 20, "broken": 10, "both wrong": 20, "both right": 10, "any runs disagree": 40}
    assert read_counts(page) == expected | {"A is read in two ways": 40}


@pytest.mark.parametrize(
    ("name", "shown", "first"),
    [
        ("fixed", 20, [3, 5, 9, 11]),
        ("broken", 10, [4, 10, 16, 22]),
        ("both wrong", 20, [2, 6, 8, 12]),
        ("both right", 10, [1, 7, 13, 19]),
        ("any runs disagree", 40, [1, 3, 4, 5]),
        ("A is read in two ways", 40, [2, 3, 5, 6]),
    ],
)
def test_a_filter_shows_the_questions_that_fit_it(page, name, shown, first):
    choose(page, name)
    expect(page.locator("#questions-count")).to_have_text(f"{shown} of 60 questions")
    assert read_numbers(page)[:4] == first


def test_right_can_mean_the_last_number(page):
    page.select_option("#questions-mark", "flexible")
    expected = {"all": 60, "fixed": 0, "broken": 30, "both wrong": 0, "both right": 30, "any runs disagree": 60}
    assert read_counts(page) == expected | {"A is read in two ways": 40}


def test_other_runs_can_be_compared(page):
    page.select_option("#questions-first", label="GRPO")
    page.select_option("#questions-second", label="LoRA")
    expected = {"all": 60, "fixed": 0, "broken": 30, "both wrong": 30, "both right": 0, "any runs disagree": 40}
    assert read_counts(page) == expected | {"A is read in two ways": 0}
    assert page.locator("#questions-hint").inner_text().startswith("Fixed: GRPO is wrong and LoRA is right.")


def test_texts_have_no_right_answer_and_are_sorted_by_likeness_with_a_tie_width(page):
    choose(page, "fixed")
    page.select_option("#questions-task", label="Technical questions")
    # ROUGE-L is lower by 0.1, higher by 0.05, which is a tie, and higher by 0.1, each on a third of the rows
    assert read_counts(page) == {"all": 60, "B more alike": 20, "A more alike": 20, "no difference": 20}
    expect(page.locator("#questions-count")).to_have_text("60 of 60 questions")
    assert page.locator("#questions-judging").is_hidden()
    choose(page, "no difference")
    assert read_numbers(page)[:3] == [2, 5, 8]
    assert "by more than 0.05 in ROUGE-L" in page.locator("#questions-hint").inner_text()


def test_a_search_counts_what_it_finds_and_marks_it(page):
    page.fill("#questions-query", "answer 7 FROM grpo")
    expect(page.locator("#questions-count")).to_have_text("1 of 60 questions")
    assert read_counts(page)["all"] == 1
    page.locator(HEADINGS).click()
    assert page.locator("#questions mark").all_inner_texts() == ["Answer 7 from grpo"]
    page.fill("#questions-query", "no such words (")
    expect(page.locator("#questions-count")).to_contain_text("0 of 60 questions. No question fits.")


def test_an_open_question_shows_every_answer_with_its_verdicts_and_rewards(page):
    choose(page, "fixed")
    page.locator(HEADINGS).first.click()
    answers = page.locator(".questions-panel .answer")
    runs = ["untouched A", "GRPO B", "LoRA", "prefix tuning", "warm start"]
    assert [" ".join(text.split()) for text in answers.locator(".run").all_inner_texts()] == runs
    assert answers.nth(1).locator(".verdict").all_inner_texts() == ["✓ strict", "✓ last number", "✓ layout"]
    assert answers.nth(0).locator(".verdict").all_inner_texts() == ["✗ strict", "✓ last number", "✗ layout"]
    assert answers.nth(1).locator(".box").inner_text() == "Answer 2 from grpo"
    parts = answers.nth(1).locator(".parts").inner_text()
    assert all(word in parts for word in ("tokens", "tagged: ", "last number: ", "correctness ", "strict format "))


def test_details_are_drawn_when_a_question_is_opened_and_go_when_it_is_closed(page):
    assert page.locator(HEADINGS).count() == 25
    assert page.locator("#questions .answer").count() == 0
    page.locator(HEADINGS).first.click()
    assert page.locator("#questions .answer").count() == 5
    page.locator(HEADINGS).first.click()
    assert page.locator("#questions .answer").count() == 0


def test_pages_are_turned(page):
    page.click("#questions-next")
    page.click("#questions-next")
    assert page.locator("#questions-page").inner_text() == "51 to 60 of 60"
    assert read_numbers(page) == list(range(51, 61))
    assert page.locator("#questions-next").is_disabled()
    page.click("#questions-previous")
    assert read_numbers(page) == list(range(26, 51))


def test_the_keyboard_is_enough(page):
    page.locator("#questions").scroll_into_view_if_needed()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "questions-query"
    page.keyboard.type("j/k")
    assert page.input_value("#questions-query") == "j/k"
    page.fill("#questions-query", "")
    expect(page.locator("#questions-count")).to_have_text("60 of 60 questions")
    page.locator("#questions-query").press("Tab")
    assert page.evaluate("document.activeElement.value") == "all"
    page.keyboard.press("ArrowRight")
    expect(page.locator("#questions-count")).to_have_text("20 of 60 questions")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Tab")
    focused = "document.activeElement.querySelector('.questions-number').textContent"
    assert page.evaluate(focused) == "1"
    for key in ("j", "ArrowDown", "j", "k", "ArrowUp", "j"):
        page.keyboard.press(key)
    assert page.evaluate(focused) == "3"
    page.keyboard.press("Enter")
    assert page.locator("[aria-expanded=true]").inner_text().startswith("3")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    for _ in range(23):
        page.keyboard.press("j")
    assert page.evaluate(focused) == "26"
    page.keyboard.press("k")
    assert page.evaluate(focused) == "25"


def test_a_link_leads_to_one_question(visit, report):
    page = visit(report)
    page.click("#questions-next")
    page.locator(HEADINGS).nth(4).click()
    anchor = page.locator(".questions-panel a").get_attribute("href")
    other = visit(report, anchor)
    assert other.locator("[aria-expanded=true] .questions-number").inner_text() == "30"
    assert other.evaluate("document.activeElement.className") == "questions-heading"


def test_seeds_that_are_right_are_counted_where_a_run_has_several(page):
    page.locator(HEADINGS).nth(2).click()
    parts = page.locator(".questions-panel .parts").all_inner_texts()
    assert ["right with 2 of 2 seeds" in text for text in parts] == [False, True, False, False, False]
    assert ["right with 0 of 2 seeds" in text for text in parts] == [False, False, True, True, True]


def test_a_study_of_one_run_can_be_browsed(visit, tmp_path):
    page = visit(write_page(tmp_path, build_known_study(runs=("base",)), rows=6))
    assert read_counts(page)["both right"] == 2


def test_without_its_script_the_page_says_what_is_missing_and_where_it_lies(visit, report):
    page = visit(report, java_script_enabled=False)
    assert page.locator("#questions-browser").is_hidden()
    note = page.locator("#questions noscript").inner_text()
    assert "which is switched off here" in note
    assert "results/runs/{run}/seed{seed}/{task}/answers.jsonl" in note


def test_what_strict_and_lenient_reading_judge_differently_is_one_click_away(page):
    links = page.locator("#results a[href^='#answers/']")
    assert links.all_inner_texts() == ["40 of 60", "0 of 60", "0 of 60", "0 of 60", "0 of 60"]
    links.first.click()
    expect(page.locator("#questions-count")).to_have_text("40 of 60 questions")
    assert page.locator("#questions-first option:checked").inner_text() == "untouched"
    assert page.locator(".questions-filter input:checked").get_attribute("value") == "readings"
    assert read_numbers(page)[:4] == [2, 3, 5, 6]
    assert page.evaluate("document.activeElement.closest('#questions-list') !== null")


def test_a_link_to_what_is_not_there_changes_nothing(visit, report):
    for anchor in ("#answers/arithmetic/none/0", "#answers/arithmetic/readings/99", "#answers/none/readings/0"):
        page = visit(report, anchor)
        expect(page.locator("#questions-count")).to_have_text("60 of 60 questions")
