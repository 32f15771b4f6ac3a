"""What page and paper say of reinforcement learning that drew too few completions to expect an effect."""

import re

import pytest

from tests.unit.comparison.results_factory import METHODS, build_study
from tests.unit.reporting.page_factory import prepare_study, render_page
from tests.unit.reporting.test_paper import write_paper
from tunelab.records import read_json, write_json

MARK = "(GRPO: too few completions to expect an effect)"


@pytest.fixture
def judged(changed_study):
    """Return a function that gives every contrast of a study a verdict, and renders its page."""
    root, study = changed_study

    def judge(verdict, **changes):
        table = read_json(root / "results.json") | changes
        contrasts = [row | {"verdict": verdict, "value": -0.2} for row in table["contrasts"]]
        write_json(root / "results.json", table | {"contrasts": contrasts})
        return render_page(root, study), write_paper(root, study)["results.tex"]

    return judge


def list_sentences(page):
    return [" ".join(text.split()) for text in re.findall(r'<li class="finding">(.*?)</li>', page.html, re.S)]


def test_a_starved_run_is_a_threat_with_its_numbers_and_the_remedy(changed_study):
    words = render_page(*changed_study).words
    assert (
        "Too few completions to expect an effect. GRPO drew 160 completions, 8 a step (fewer than 1,500 in all and "
        "fewer than 32 a step). Where it is not better than another run, that says little of the method. More steps "
        "(max_steps) and larger ones (per_device_train_batch_size × gradient_accumulation_steps) are the remedy."
    ) in words


@pytest.mark.parametrize("verdict", ["worse", "equivalent", "undecided"])
def test_a_verdict_that_does_not_favour_the_starved_run_says_so_in_its_own_sentence(judged, verdict):
    page, paper = judged(verdict)
    sentences = list_sentences(page)
    # the kind of its gain among them
    told = [text for text in sentences if "GRPO" in text]
    assert len(told) == 3
    assert [MARK in text for text in sentences] == [text in told for text in sentences]
    groups = page.words.partition("what the tests say")[2].partition("Every verdict in a sentence")[0]
    assert groups.count(MARK) == 2  # one for each task
    assert page.html.count("◔ GRPO: too few completions to expect an effect") == 13  # in the table of contrasts
    assert paper.count(MARK) == 4 and paper.count("†") == 1 + 13


def test_a_starved_run_that_is_nevertheless_better_has_the_threat_alone(judged):
    page, paper = judged("better", kinds=[])
    assert not [text for text in list_sentences(page) if MARK in text]
    assert MARK not in page.words.partition("what the tests say")[2].partition("Contents")[0]
    assert "◔ GRPO" not in page.html
    assert "Too few completions to expect an effect." in page.words
    assert MARK not in paper and "†" not in paper
    assert "GRPO drew 160 completions, 8 a step" in paper


def test_the_choice_of_a_run_says_that_what_it_is_set_against_was_starved(changed_study):
    choices = render_page(*changed_study).words.partition("Which one should I take?")[2].partition("Made with")[0]
    sums, texts = choices.partition("Grade-school sums")[2].split("Technical questions")
    assert re.search(rf"warm start\s*not told apart: .*GRPO.*{re.escape(MARK.strip('()'))}", sums)
    # level with LoRA alone, and nothing is said of GRPO
    assert "GRPO" not in texts and re.search(r"LoRA\s*not told apart: prefix tuning\s*LoRA or prefix tuning \(", texts)


def test_the_first_screen_tells_of_starved_runs_and_leads_to_the_threat(changed_study):
    page = render_page(*changed_study)
    first = page.html.partition("</header>")[0]
    assert '<a href="#threat-starved">GRPO: too few completions to expect an effect</a>' in first
    assert page.html.count('id="threat-starved"') == 1


def test_enough_completions_are_no_threat(judged):
    page, paper = judged("undecided", starved=[])
    assert "Too few completions" not in page.words and "drew 160 completions" not in paper


def test_runs_that_learn_from_more_drawn_answers_are_named(tmp_path):
    words = render_page(tmp_path, prepare_study(tmp_path, build_study(tuple(METHODS)), rows=8)).words
    assert "(fewer than 1,500 in all, fewer than 32 a step and fewer than the drawn answers of DPO (400))" in words
    assert re.search(r"Completions of a step\s*not set\s*8\s*not set\s*not set", words)
