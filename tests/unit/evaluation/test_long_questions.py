"""Whoever asks or measures a model stops at a row that is longer than its positions, before any work."""

from types import SimpleNamespace

import pytest

from tests.unit.models.run_models import build_run_model
from tunelab.config.specs.evaluation import GenerationSpec, SamplingSpec
from tunelab.config.specs.samples import SamplesSpec
from tunelab.errors import UserError
from tunelab.evaluation import asking, drift, generation, losses, training_samples

SAMPLING = {"samples": 2, "temperature": 1.0, "batch_size": 2}
SAMPLES = SamplesSpec(run="base", dataset="sums", max_new_tokens=4, **SAMPLING)


@pytest.fixture
def long_rows(rows):
    """A row that fits, and one that does not."""
    return [rows[0], rows[1] | {"id": "endless", "messages": [say("user", "x" * 600), say("assistant", "y")]}]


def say(role, content):
    return {"role": role, "content": content}


def answer(base, rows, folder):
    return generation.answer_rows(build_run_model(base), rows, GenerationSpec(max_new_tokens=4))


def sample(base, rows, folder):
    return generation.sample_rows(build_run_model(base), rows, SamplingSpec(k=[1], **SAMPLING), 4)


def draw(base, rows, folder):
    return training_samples.draw_answers(build_run_model(base), rows, SAMPLES, 1, folder)


def measure_loss(base, rows, folder):
    return losses.measure_rows(build_run_model(base), rows, 2)


def measure_drift(base, rows, folder):
    return drift.measure_drift(build_run_model(base), [], {"chat": rows}, 2)


@pytest.mark.parametrize("work", [answer, sample, draw, measure_loss, measure_drift])
def test_a_row_longer_than_the_model_is_named(llama, long_rows, tmp_path, work):
    with pytest.raises(UserError, match=r"has 512 positions, and row endless needs 6\d\d\. Lower a run's"):
        work(llama, long_rows, tmp_path)
    assert not list(tmp_path.iterdir()), "nothing was drawn before it was told"


def test_a_paragraph_longer_than_the_model_is_named(llama, tmp_path):
    text = tmp_path / "prose.txt"
    text.write_text("Short.\n\n" + "long " * 120)
    with pytest.raises(UserError, match="row prose-2 needs"):
        drift.measure_drift(build_run_model(llama), [text], {}, 2)


def test_an_answer_that_would_not_fit_counts_with_its_question(llama, rows):
    with pytest.raises(UserError, match="has 512 positions, and row row"):
        generation.answer_rows(build_run_model(llama), rows, GenerationSpec(max_new_tokens=500))


def test_a_question_of_ones_own_leaves_the_answer_what_room_there_is(llama, tmp_path, monkeypatch):
    fetched = tmp_path / "models/tiny"
    fetched.mkdir(parents=True)
    for name in ("model", "precision.json", "chat_template.jinja"):
        (fetched / name).symlink_to(llama.parent / name)
    config = SimpleNamespace(
        study=SimpleNamespace(results=str(tmp_path)), runs={"base": SimpleNamespace(model="tiny", method="base")}
    )
    asked, build = [], generation.build_generation_config
    monkeypatch.setattr(
        generation, "build_generation_config", lambda *given: asked.append(given[-1].max_new_tokens) or build(*given)
    )
    asking.ask(config, "base", None, "x" * 470, {"max_new_tokens": 256})
    assert 0 < asked[0] < 42
    with pytest.raises(UserError, match=r"Q: the question makes 5\d\d tokens .* has 512 positions"):
        asking.ask(config, "base", None, "x" * 512, {"max_new_tokens": 256})
