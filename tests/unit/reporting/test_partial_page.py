"""The page of a part of a study: a banner, and each hole in its place with its reason."""

import re
import shutil

import pytest

from tests.unit.comparison.results_factory import build_study
from tests.unit.reporting.page_factory import draw_figures, prepare_study, render_page
from tests.unit.reporting.test_languages import SENTENCE, Prose

REASON = "<img src=x onerror=alert(1)> The disk is full"
PARTIAL = {
    "arms": 2,
    "of": 5,
    "holes": [
        {"what": "run", "name": "grpo", "label": "GRPO & co"}
        | {"kind": "failed", "job": "train_grpo grpo 1", "reason": REASON},
        {
            "what": "run",
            "name": "other",
            "label": "untouched too",
            "kind": "unmade",
            "job": "fetch_model x",
            "reason": "",
        },
        {"what": "seed", "name": "2", "label": "2"}
        | {"kind": "changed", "job": "train_sft lora 2", "reason": "runs.lora.adapter.r: 16 → 8"},
        *(
            {"what": what, "name": "", "label": label, "kind": "unmade", "job": f"made_{what} x", "reason": ""}
            for what, label in (("task", "Longer sums"), ("drift", ""), ("noise", ""))
        ),
    ],
    "trained": ["grpo"],
    "pairs": [["GRPO & co", "LoRA"]],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    return root, prepare_study(root, build_study(("base", "lora")))


@pytest.fixture(scope="module")
def page(folder):
    return render_page(*folder, partial=PARTIAL)


def read_section(page, name):
    return re.search(rf'<section id="{name}">.*?</section>', page.html, re.DOTALL)[0]


def test_a_whole_study_has_no_banner(folder):
    assert "Partial report" not in render_page(*folder).text


def test_the_banner_counts_the_arms_and_names_every_hole(page):
    banner = page.words[: page.words.index("All runs at a glance")]
    assert "Partial report. 2 of 5 arms are on this page; an arm is a run with one seed." in banner
    for said in (
        f"Run GRPO & co is not here: train_grpo grpo 1 failed: {REASON}",
        "Run untouched too is not here: fetch_model x has not run yet",
        "Seed 2 of every trained run is not here: train_sft lora 2 must run again: runs.lora.adapter.r: 16 → 8",
        "Task Longer sums is not here: made_task x has not run yet",
        "Drift from the base is not here: made_drift x has not run yet",
        "Noise of evaluation is not here: made_noise x has not run yet",
    ):
        assert said in banner
    assert "img" not in page.tags, "a log's words are no mark-up"


def test_a_missing_run_has_its_row_in_every_main_table_below_what_can_be_sorted(page):
    rows = re.findall(r'</tbody>\s*<tbody class="missing">(.*?)</tbody>', read_section(page, "results"), re.DOTALL)
    assert len(rows) == 2, "one for each task"
    for row in rows:
        assert re.findall(r'<th scope="row">(.*?)</th>', row) == ["GRPO &amp; co", "untouched too"]
    assert [re.findall(r'colspan="(\d)"', row) for row in rows] == [["5", "5"], ["3", "3"]], "the numbers of metrics"


def test_costs_name_the_trainings_that_are_missing(page):
    (row,) = re.findall(r'<tbody class="missing">(.*?)</tbody>', read_section(page, "cost"), re.DOTALL)
    assert re.findall(r'<th scope="row">(.*?)</th>', row) == ["GRPO &amp; co"]
    head = re.search(r"<thead>.*?</thead>", read_section(page, "cost"), re.DOTALL)[0]
    assert f'colspan="{head.count("<th ") - 1}"' in row


def test_pairs_of_missing_runs_are_named_as_not_tested_and_have_no_verdict(page):
    section = read_section(page, "contrasts")
    assert "Not tested, since a run of the pair is not here: GRPO &amp; co against LoRA. The p-values below" in section
    assert section.count("GRPO &amp; co") == 1, "in this sentence alone"


def test_pairs_are_named_where_none_is_left_to_test(folder):
    root, study = folder
    lonely = study | {"comparison": study["comparison"] | {"contrasts": [["grpo", "lora"]]}}
    table = (root / "results.json").read_text(encoding="utf-8")
    (root / "results.json").write_text(table.replace('"declared": true', '"declared": false'), encoding="utf-8")
    section = read_section(render_page(root, lonely, partial=PARTIAL), "contrasts")
    (root / "results.json").write_text(table, encoding="utf-8")
    assert "GRPO &amp; co against LoRA" in section and "<tbody>" not in section


def test_the_chinese_page_says_it_in_chinese(folder, tmp_path):
    root, study = folder
    root = shutil.copytree(root, tmp_path / "chinese")
    chinese = study | {"study": study["study"] | {"language": "zh"}}
    draw_figures(root, chinese)
    prose = Prose(render_page(root, chinese, partial=PARTIAL).html).text
    assert "部分报告。" in prose and "须重新运行" in prose
    for label in ("Four ways to tune a small model", "Grade-school sums", "Technical questions", "Longer sums"):
        prose = prose.replace(label, " ")
    assert SENTENCE.findall(prose) == []
