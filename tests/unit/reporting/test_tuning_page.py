"""What page and paper tell of how settings were chosen."""

import pytest

from tests.unit.comparison.results_factory import build_study, write_results
from tests.unit.reporting.page_factory import draw_figures, render_page, write_comparison
from tunelab.comparison.choice_rows import Choice, TrialScore
from tunelab.records import write_json

RATE = "training.learning_rate"
GRIDS = {"lora": [1e-4, 3e-4, 1e-3], "grpo": [1e-5, 3e-5, 1e-4]}
METRICS = {"lora": ("loss", "support"), "grpo": ("strict", "arithmetic")}


def build_choice(run, chosen, values, edges):
    metric, task = METRICS[run]
    names = {rate: f"{run}.learning_rate-{rate}" for rate in GRIDS[run]}
    best = min(filter(None, values)) if metric == "loss" else max(filter(None, values))
    trials = [
        TrialScore(
            name=names[rate],
            settings={RATE: rate},
            value=value,
            by_seed=[value] if value else [],
            gap=abs(best - value) if value else None,
            error=0.01 if value else None,
            near=value == best,
            diverged=None if value else "The loss became NaN at step 2.",
            sources=[],
        )
        for rate, value in zip(GRIDS[run], values, strict=True)
    ]
    return Choice(
        run=run,
        task=f"{task}.validation",
        metric=metric,
        rows="validation",
        n=200,
        seeds=[101],
        own={RATE: 3e-4 if run == "lora" else 1e-5},
        trials=trials,
        best=names[chosen],
        chosen=names[chosen],
        settings={RATE: chosen},
        edges={RATE: edges} if edges else {},
        gained={"value": 0.1, "low": 0.05, "high": 0.15, "n": 200, "interval": "paired-bootstrap"},
        floor=0.012,
        train_seconds=95.0,
    )


@pytest.fixture(scope="module", params=["en", "zh"])
def page(request, tmp_path_factory):
    root = tmp_path_factory.mktemp("tuned")
    study = build_study()
    study["study"]["language"] = request.param
    runs = {run: {RATE: rates} for run, rates in GRIDS.items()}
    study["tuning"] = {"trials": 3, "unequal": False, "seeds": [101], "runs": runs}
    write_results(root, study, rows=12)
    choices = [
        build_choice("lora", 1e-3, [2.5, 2.4, 2.1], "highest"),
        build_choice("grpo", 3e-5, [0.3, 0.55, None], None),
    ]
    for choice in choices:
        write_json(root / f"tuning/{choice.run}/choice.json", choice.model_dump(mode="json"))
        write_json(root / f"tuning/{choice.run}/settings.json", choice.settings)
    write_comparison(root, study)
    draw_figures(root, study)
    return request.param, render_page(root, study)


def test_each_choice_is_told_with_its_trials(page):
    language, rendered = page
    if language == "en":
        assert "Every tuned run had the same number of trials, 3." in rendered.words
        assert "learning_rate 0.001the run's own: learning_rate 0.0003" in rendered.words
        assert "GRPO with learning_rate 0.0001 did not learn" in rendered.words
        assert "The trials led to other settings than their own for LoRA and GRPO" in rendered.words
    else:
        assert "每个调参实验组的试验数相同" in rendered.words


def test_a_run_that_did_best_at_the_edge_is_told_with_its_verdicts(page):
    language, rendered = page
    if language == "en":
        assert "LoRA: best at the edge of what was tried" in rendered.words
        assert "Among its trials LoRA did best with the highest learning_rate" in rendered.words
        assert "GRPO: best at the edge" not in rendered.words


def test_the_search_stands_beside_the_cost_of_a_run(page):
    language, rendered = page
    if language == "en":
        assert "+ 1 min 35 s to tune" in rendered.words.replace("\u202f", " ")


def test_the_settings_shown_are_the_chosen_ones(page):
    _, rendered = page
    settings = rendered.words.split("learning_rate")
    assert any(part.strip().startswith("0.001") for part in settings)
