"""Where the artefacts of a study lie below its folder: names of folders and files, and of what its jobs note.

The rules write their outputs out; everything else takes its paths from here (tests/contract/test_study_layout.py).
"""

from pathlib import Path

ARTEFACTS = ("models", "datasets", "samples", "runs", "noise", "tuning", "figures", "tables", "paper")
RECORDS = ("logs", "benchmarks", "cards")  # what jobs note of themselves; none of it is a result
FOLDERS = (*ARTEFACTS, *RECORDS)
LOGS = "logs.json"  # of a comparison of logs: which items each of them has
LEDGER = "looks.json"  # of looks at the results; outlives them, so it is none of them

# what the folder of a run and seed holds beside the folders of its tasks, so that no task can be called so
RUN_PARTS = (
    *("adapter", "model", "merged", "tensorboard", "points"),
    "history.jsonl",
    "training.json",
    "completions.parquet",
    "merge_parity.json",
    "drift.jsonl",
    "train_dataset.json",
    "choice.json",
)

# how the notes of each stage are named in each folder of RECORDS
RECORD_NAMES = {
    "fetch_model": "{model}",
    "settle_template": "{model}",
    "check_positions": "{model}",
    "measure_precision": "{model}",
    "inspect_model": "{model}",
    "check_vocabulary": "{model}_{teacher}",
    "fetch_dataset": "{dataset}",
    "prepare_dataset": "{dataset}",
    "divide_validation": "{dataset}",
    "measure_tokens": "{dataset}/{model}",
    "draw_samples": "{samples}_seed{seed}",
    "choose_samples": "{run}_seed{seed}",
    "choose_settings": "{run}",
    "train": "{run}_seed{seed}",
    "render_model_card": "{run}_seed{seed}_{artefact}",
    "publish_waypoint": "{run}_seed{seed}",
    "check_merging": "{run}",
    "merge_adapter": "{run}_seed{seed}",
    "generate_answers": "{run}_seed{seed}_{task}",
    "measure_loss": "{run}_seed{seed}_{task}",
    "score_answers": "{run}_seed{seed}_{task}",
    "measure_drift": "{run}_seed{seed}",
    "generate_samples": "{run}_seed{seed}_{task}",
    "score_samples": "{run}_seed{seed}_{task}",
    "generate_repeats": "{repeat}_{task}",
    "measure_repeats": "{repeat}_{task}",
    "score_repeats": "{repeat}_{task}",
    "plot_figure": "{figure}",
}


class Layout:
    """The paths of a study's artefacts; `root` is its folder, or a placeholder for it."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    @property
    def results_file(self) -> Path:
        return self.root / "results.json"

    @property
    def looks_file(self) -> Path:
        return self.root / LEDGER

    def model_file(self, model: str, name: str) -> Path:
        return self.root / "models" / model / name

    def dataset_file(self, dataset: str, name: str) -> Path:
        return self.root / "datasets" / dataset / name

    def samples_file(self, samples: str, seed: int | str, name: str) -> Path:
        return self.root / "samples" / samples / f"seed{seed}" / name

    def run_file(self, run: str, seed: int | str, name: str) -> Path:
        return self.root / "runs" / run / f"seed{seed}" / name

    def weights_files(self, run: str, seed: int | str, adapter: bool) -> tuple[Path, Path]:
        """Return the weights that a trained run publishes, an adapter's or a whole model's, and their config."""
        folder, stem = ("adapter", "adapter_") if adapter else ("model", "")
        return (
            self.run_file(run, seed, f"{folder}/{stem}model.safetensors"),
            self.run_file(run, seed, f"{folder}/{stem}config.json"),
        )

    def task_file(self, run: str, seed: int | str, task: str, name: str) -> Path:
        return self.run_file(run, seed, task) / name

    def tuning_file(self, run: str, name: str) -> Path:
        return self.root / "tuning" / run / name

    def noise_file(self, repeat: str, task: str, name: str) -> Path:
        return self.root / "noise" / repeat / task / name
