"""Shared by the tests that train: tiny models, conversations, and one call each to train and to publish.

The libraries read these variables when they are imported, so they stand before any test module is collected.
"""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}

# grouped-query attention, and a vocabulary (259 byte-level tokens) and widths that suit blocks of 64 for NF4
SHAPE = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "initializer_range": 0.2,  # sharp logits: neighbouring candidates are far apart
}
ORIGIN = {"model": "tiny", "source": {"source": "random"}, "revision": None, "licence": None}


# whoever asks for one of these trains, or runs a model
TRAINING = {"create_tiny", "train_sft", "processes"}


def pytest_collection_modifyitems(items):
    for item in items:
        if TRAINING & set(item.fixturenames) or item.get_closest_marker("weights"):
            item.add_marker("slow")


@pytest.fixture(scope="session")
def create_tiny(tmp_path_factory):
    """Return a function that creates a random model of a type, computed in float32, and returns its folder."""
    import torch

    from tunelab import records
    from tunelab.config.specs.sources import RandomModel
    from tunelab.models.precision import decide_precision
    from tunelab.sources.random_model import CHATML, create_model

    torch.set_num_threads(1)  # sums in the same order on every machine, and no slower at this size

    def create(model_type: str) -> Path:
        folder = tmp_path_factory.mktemp(model_type) / "model"
        create_model(RandomModel(source="random", architecture={"model_type": model_type} | SHAPE), "tiny", folder)
        records.write_json(folder.with_name("precision.json"), decide_precision(folder, "float32")[0])
        folder.with_name("chat_template.jinja").write_text(CHATML, encoding="utf-8")
        return folder

    return create


@pytest.fixture(scope="session")
def llama(create_tiny):
    return create_tiny("llama")


@pytest.fixture(scope="session")
def qwen2(create_tiny):
    return create_tiny("qwen2")


@pytest.fixture(scope="session")
def rows():
    """Twelve conversations of different lengths; the last four are for validation."""
    return [
        {
            "id": f"row{number}",
            "messages": [
                {"role": "user", "content": f"What is {number} + {number}?" + " Please." * (number % 4)},
                {"role": "assistant", "content": f"It is {2 * number}" + "!" * (number % 3)},
            ],
            "answer": str(2 * number),
        }
        for number in range(12)
    ]


@pytest.fixture(scope="session")
def train_sft(tmp_path_factory, rows):
    """Return a function that runs `sft.train` for a few steps and keeps the weights it started from.

    It computes in float32 unless told otherwise, so that the trainer's model can be compared with a reloaded one.
    """
    import torch

    from tests.unit.training.training_jobs import build_job
    from tunelab.config.specs.training import SftRun
    from tunelab.models import adapters
    from tunelab.training import sft, shared

    def train(
        base: Path,
        adapter: dict | None,
        dtype="float32",
        quantization=None,
        seed=0,
        given=rows,
        checkpoints=None,
        template=None,
        start=None,
        **settings,
    ):
        short = {"max_steps": 3, "per_device_train_batch_size": 4, "learning_rate": 1e-2, "report_to": "none"}
        spec = SftRun(
            method="sft",
            label="Trial",
            model="tiny",
            dataset="chat",
            adapter=adapter,
            quantization=quantization,
            training=short | {"max_length": 128} | settings,
        )
        run = SimpleNamespace(spec=spec, base=base, seed=seed)
        measure = shared.train_and_measure

        def watch(trainer, *others, **named):
            run.before = adapters.copy_trainable(trainer.model)
            return measure(trainer, *others, **named)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shared, "train_and_measure", watch)
            checkpoints = checkpoints or tmp_path_factory.mktemp("checkpoints")
            others = {"init_from": start, "seed": seed, "dtype": getattr(torch, dtype), "template": template}
            job = build_job(base, checkpoints, spec, **others)
            run.trainer, run.history, run.costs = sft.train(job, given[:8], given[8:])
        run.model = run.trainer.model.eval()
        run.after = adapters.copy_trainable(run.model)
        return run

    return train


@pytest.fixture(scope="session")
def publish(tmp_path_factory):
    """Return a function that publishes a run as the scripts do, and returns the folder."""
    from tunelab.models import publishing

    def publish(run: SimpleNamespace) -> Path:
        folder = tmp_path_factory.mktemp("published") / ("adapter" if run.spec.adapter else "model")
        run.costs |= publishing.publish_weights(run.trainer.model, run.trainer.processing_class, folder, ORIGIN)
        return folder

    return publish


@pytest.fixture(scope="session")
def load_plain():
    """Return a function that loads what a run published with PEFT and transformers alone, in float32."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    def load(base: Path, folder: Path | None = None):
        whole = folder if folder and folder.name == "model" else base
        model = AutoModelForCausalLM.from_pretrained(whole, dtype=torch.float32)
        return (PeftModel.from_pretrained(model, folder) if folder and folder.name == "adapter" else model).eval()

    return load


@pytest.fixture(scope="session")
def compute_logits():
    """Return a function that computes a model's logits for token ids, by default 24 fixed ones."""
    import torch

    def compute(model, ids=None, **inputs):
        ids = torch.arange(60, 84)[None] if ids is None else ids
        with torch.inference_mode():
            return model(input_ids=ids, **inputs).logits.float()

    return compute
