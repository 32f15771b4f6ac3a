"""What touches the numbers of the first screen stands there, and what is said of one thing is said in the singular."""

import re

import pytest

from tests.unit.comparison.results_factory import build_study, write_results
from tests.unit.reporting.page_factory import draw_figures, render_page, write_comparison
from tests.unit.reporting.test_paper import write_paper
from tunelab.records import read_json, read_jsonl, write_json, write_jsonl

SENTENCE = "It moves <b>warm</b> air."


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Write a study whose LoRA says one sentence, whose prefix loops, and whose GRPO is cut off."""
    root = tmp_path_factory.mktemp("cautions")
    study = write_results(root, build_study(), rows=12)
    change(root / "runs/lora/seed1/support/answers.jsonl", lambda row: {"completion": SENTENCE})
    change(root / "runs/prefix/seed1/support/answers.jsonl", lambda row: {"completion": f"{row['id']} is so " * 5})
    change(root / "runs/grpo/seed1/arithmetic/scores.jsonl", lambda row: {"truncated": True})
    write_comparison(root, study)
    draw_figures(root, study)
    return root, study


def change(path, build):
    write_jsonl(path, [row | build(row) for row in read_jsonl(path)])


def test_what_touches_the_numbers_stands_on_the_first_screen_and_leads_to_its_threat(results):
    page = render_page(*results)
    first = page.html.partition('id="cautions"')[2].partition("</section>")[0]
    told = dict(re.findall(r'<a href="#(threat-\w+)">(.*?)</a>', first, re.S))
    told = {name: " ".join(text.split()) for name, text in told.items()}
    assert told["threat-overlap"].startswith(
        "3 of the 12 questions of Grade-school sums share words with training rows of sums; without them"
    )
    assert told["threat-cut"] == "Grade-school sums: the limit on new tokens cut off answers of GRPO (100.0 %)"
    assert told["threat-degenerate"] == (
        "Technical questions: LoRA gives 12 of 12 questions the same answer; "
        "12 of 12 answers of prefix tuning repeat themselves"
    )
    assert set(told) >= {"threat-starved"}
    for name in told:
        assert page.html.count(f'id="{name}"') == 1


def test_the_first_screen_says_what_its_signs_of_doubt_mean(results, made_study):
    legend = "↻ marks a run with repetitive answers."
    assert legend in render_page(*results).words
    assert legend not in render_page(*made_study).words


def test_repetitive_answers_are_a_threat_and_behind_every_verdict_about_them(results):
    page, paper = render_page(*results), write_paper(*results)["results.tex"]
    said = (
        "LoRA gives the same answer (“It moves <b>warm</b> air.”) to 12 of 12 questions of Technical questions; the "
        "references say the same to at most 1, the untouched model to at most 1 of 12."
    )
    assert said in page.words and "<b>warm</b>" not in page.html
    assert (
        "Of 12 answers of prefix tuning to Technical questions, 12 mostly repeat themselves; of the references 0, of "
        "the untouched model's 12 answers 0."
    ) in page.words
    sentences = [" ".join(text.split()) for text in re.findall(r'<li class="finding">(.*?)</li>', page.html, re.S)]
    about = [text for text in sentences if "LoRA" in text and "Technical" in text]
    assert len(about) == 2 and all("LoRA" in text.partition("(")[0] and "repetitive answers" in text for text in about)
    assert not [text for text in sentences if "repetitive" in text and "Technical" not in text]
    assert "↻ LoRA and prefix tuning: repetitive answers" in page.words
    assert "‡" in paper and "LoRA gives the same answer" in paper
    table = page.words.partition("Technical questions: how alike the answers are")[2]
    assert re.search(r"References\s*–\s*\d.\d\d", table)


def test_untouched_models_are_not_counted_as_trained(results):
    words = render_page(*results).words
    assert "5 runs of smollm2, of which 4 were trained, each with one seed, answered the same held-out rows" in words
    assert "each trained" not in words.partition("Contents")[0]


def test_one_difference_is_one_and_not_several(results, tmp_path):
    root, study = results
    table = read_json(root / "results.json")
    for number, row in enumerate(table["contrasts"]):
        row |= {"declared": number == 0, "verdict": "undecided", "noise": 9.0 if number == 0 else None}
    before = read_json(root / "results.json")
    write_json(root / "results.json", table)
    words = render_page(root, study).words
    write_json(root / "results.json", before)
    assert "The one declared difference on a first metric is undecided." in words
    assert "1 declared difference is no larger than what repeating an evaluation changed." in words
    assert not re.search(r"\b1 (?:declared differences|rows|tokens|completions|verdicts|runs)\b", words)
