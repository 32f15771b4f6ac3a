"""Fine-tune a model on worked examples: LoRA, QLoRA, prefix tuning, any other PEFT type, or all weights.

Reads   card        the fetched base model's card; the model lies beside it
        train       conversations to learn from
        validation  conversations for choosing the best step
Writes  weights     the adapter or model (safetensors), in a folder that loads without this project
        config      its adapter_config.json or config.json
        readme      its model card
        history     one row per logged step, for the learning curves
        summary     what the training cost
        tensorboard event files
"""

import shutil
from pathlib import Path

from tunelab import records
from tunelab.job import run_as_job
from tunelab.modelcard import render_model_card


def main(
    card: Path,
    train: Path,
    validation: Path,
    weights: Path,
    history: Path,
    summary: Path,
    tensorboard: Path,
    checkpoints: str,
    run: str,
    seed: str,
    spec,
) -> None:
    from tunelab import sft, training

    training.set_tensorboard_folder(tensorboard)
    origin, base = records.read_json(card), card.parent / "model"
    rows = [records.read_jsonl(path) for path in (train, validation)]
    trainer, steps, costs = sft.train(base, *rows, Path(checkpoints), int(seed), spec)
    readme = render_model_card(spec, origin, int(seed), bool(spec.adapter))
    costs |= training.publish_weights(trainer.model, trainer.processing_class, weights.parent, origin, readme)
    records.write_jsonl(history, steps)
    records.write_json(summary, {"run": run, "seed": int(seed), "method": spec.method} | costs)
    shutil.rmtree(checkpoints, ignore_errors=True)


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
