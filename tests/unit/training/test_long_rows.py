"""Every method stops at a row that is longer than the model's positions, before it trains."""

import pytest

from tests.unit.training.training_jobs import build_job
from tunelab.config.specs.training import DistillationRun, DpoRun, GrpoRun, KtoRun, Rewards, SftRun
from tunelab.errors import UserError
from tunelab.training import distillation, dpo, grpo, kto, sft

PROMPT = {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 20}
LORA = {"peft_type": "LORA", "r": 4}
SETTINGS = {"max_steps": 1, "per_device_train_batch_size": 2, "report_to": "none"}
NAMES = {"label": "Trial", "model": "tiny", "dataset": "sums"}
REWARDS = Rewards(weights={"correctness": 1.0})


@pytest.fixture
def question(rows):
    """Return a function that makes four rows, the last one's question of so many letters."""

    def make(letters):
        asked = [
            row | {"rejected": {"role": "assistant", "content": "No"}, "label": bool(n % 2)}
            for n, row in enumerate(rows[:4])
        ]
        long = [{"role": "user", "content": "x" * letters}, asked[3]["messages"][1]]
        return [*asked[:3], asked[3] | {"id": "endless", "messages": long}]

    return make


def learn_rows(files, rows, adapter, **more):
    spec = SftRun(method="sft", **NAMES, adapter=adapter, training=SETTINGS | {"max_length": None} | more)
    sft.train(build_job(*files, spec), rows[2:], rows[:2])


def prefer(files, rows, adapter):
    spec = DpoRun(method="dpo", **NAMES, adapter=adapter, training=SETTINGS)
    pairs = [{name: value for name, value in row.items() if name != "label"} for row in rows]
    dpo.train(build_job(*files, spec), pairs)


def judge(files, rows, adapter):
    spec = KtoRun(method="kto", **NAMES, adapter=adapter, training=SETTINGS)
    kto.train(build_job(*files, spec), rows)


def reward(files, rows, adapter):
    drawing = {"num_generations": 2, "max_completion_length": 4}
    spec = GrpoRun(method="grpo", **NAMES, rewards=REWARDS, adapter=adapter, training=SETTINGS | drawing)
    grpo.train(build_job(*files, spec), rows)


def distil(files, rows, adapter):
    drawing = {"max_completion_length": 4}
    spec = DistillationRun(method="distillation", **NAMES, teacher="t", adapter=adapter, training=SETTINGS | drawing)
    distillation.train(build_job(*files, spec), rows, distillation.Teacher(files[0], None))


@pytest.fixture
def files(llama, tmp_path):
    return llama, tmp_path


@pytest.mark.parametrize("learn", [learn_rows, prefer, judge, reward])
@pytest.mark.parametrize(("adapter", "letters"), [(LORA, 520), (PROMPT, 470)])
def test_a_row_longer_than_the_model_is_named(files, question, learn, adapter, letters):
    with pytest.raises(UserError, match=r"has 512 positions, and row endless needs 5\d\d\. Lower a run's"):
        learn(files, question(letters), adapter)


def test_a_student_with_fewer_positions_than_its_teacher_is_told(files, question, create_tiny, monkeypatch):
    monkeypatch.setattr(distillation, "_check_positions", lambda *given: None)  # the teacher has room
    with pytest.raises(UserError, match="has 512 positions, and row endless needs 5"):
        distil(files, question(520), LORA)


def test_a_row_that_is_cut_needs_no_more(files, question):
    rows = question(20)
    rows[3]["messages"][1] = {"role": "assistant", "content": "y" * 600}
    learn_rows(files, rows, LORA, max_length=256)


def test_what_serves_ktos_estimate_alone_is_cut_at_the_models_last_position(files, question):
    rows = question(460)
    rows[2] = rows[2] | {"messages": [rows[2]["messages"][0], {"role": "assistant", "content": "y" * 400}]}
    seen = []
    init = kto.ResumableKTOTrainer.__init__

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            kto.ResumableKTOTrainer, "__init__", lambda self, *a, **k: seen.append(k["args"]) or init(self, *a, **k)
        )
        spec = KtoRun(method="kto", **NAMES, adapter=LORA, training=SETTINGS | {"max_length": 1024})
        kto.train(build_job(*files, spec), rows)
    assert seen[0].max_length == 512
