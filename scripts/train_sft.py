"""Fine-tune a model on worked examples or plain texts: LoRA, QLoRA, prefix tuning, any other PEFT type, or all weights.

Reads   card        the fetched base model's card; the model lies beside it
        precision   in which the study computes
        template    the study's chat template for the model
        train       rows to learn from
        validation  rows for choosing the best step
        start       what the `init_from` run published, if any
        consumed    with a budget, what all that the run begins from consumed
        checkpoints what a killed attempt at the same work left behind, to go on from
Writes  weights     the adapter or model (safetensors), in a folder that loads without this project
        config      its adapter_config.json or config.json
        learnt_template   the chat template that it was trained with
        history     one row per logged step, for the learning curves
        summary     what the training cost
        tensorboard event files
"""

from collections.abc import Sequence
from pathlib import Path

from tunelab import records
from tunelab.data.preferences import list_wanted
from tunelab.jobs.job import run_as_job


def main(
    card: Path,
    precision: Path,
    template: Path,
    train: Path,
    validation: Path,
    start: list[Path],
    weights: Path,
    history: Path,
    summary: Path,
    tensorboard: Path,
    checkpoints: Path,
    saving,
    seed: str,
    spec,
    budget=None,
    consumed: Sequence[Path] = (),
) -> None:
    from tunelab.training import sft
    from tunelab.training.outcome import Outputs, write_outcome
    from tunelab.training.training_job import read_job

    given = {"seed": seed, "spec": spec, "saving": saving, "budget": budget, "consumed": consumed}
    job = read_job(card, start, precision, template, checkpoints=checkpoints, **given)
    rows = [list_wanted(records.read_jsonl(path)) for path in (train, validation)]
    trained = sft.train(job, *rows)
    write_outcome(trained, card, checkpoints, Outputs(weights, history, summary, tensorboard))


if __name__ == "__main__":
    run_as_job(main, snakemake, keep=True)  # noqa: F821  (Snakemake provides it)
