"""Measure training steps: of each run of a study as plain TRL and as this project train it, and as settings grow.

Each run is cut to a few steps and trained in a process of its own (`child`).
"""

import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tunelab import records
from tunelab.benchmarks.summary import find_ratio, summarise
from tunelab.config.complete import Config
from tunelab.config.specs.training import GrpoRun, SftRun
from tunelab.errors import UserError
from tunelab.layout import Layout
from tunelab.upkeep.overlays import read_config

PLACE = Path("work/bench")
VARIANTS = ["plain", "project"]
STEPS = {"sft": 7, "grpo": 4}  # the first of them warms up and does not count
CHECKED = 3  # steps whose curves are compared in float32
# what a bench does not measure, or cannot compare
PLAIN = {"eval_strategy": "no", "load_best_model_at_end": False}
# settings by method, each with the values that are tried while the others stay as the run has them
GROWN = {
    "sft": {"per_device_train_batch_size": [4, 8, 16, 32], "max_length": [64, 128, 256]},
    "grpo": {"num_generations": [4, 8, 16], "max_completion_length": [32, 64, 128]},
}
PLANNED = [10, 100, 1000]  # trainings
SEEDS = 5


@dataclass(frozen=True)
class Bench:
    """What all trainings of a bench start from."""

    config: Config
    place: Path  # for orders, findings and logs

    @property
    def _layout(self) -> Layout:
        return Layout(self.config.study.results)

    @property
    def runs(self) -> list[str]:
        """The study's runs that train something."""
        return [run for run in self.config.study.runs if self.config.runs[run].method != "base"]

    def list_targets(self) -> list[str]:
        """List the files of the study that a bench needs."""
        specs = [self.config.runs[run] for run in self.runs]
        needed = [
            self._layout.model_file(spec.model, name) for spec in specs for name in ("card.json", "precision.json")
        ]
        needed += [self._layout.dataset_file(spec.dataset, "train_dataset.json") for spec in specs]
        needed += filter(None, map(self._find_start, self.runs))
        return sorted({str(path) for path in needed})

    def find_precision(self, run: str) -> str:
        spec = self.config.runs[run]
        return spec.precision or records.read_json(self._layout.model_file(spec.model, "precision.json"))["dtype"]

    def read_product_rate(self, run: str, dtype: str) -> float | None:
        """Return the operations a second of a matrix product of the model's shape; None if it was not measured."""
        figures = records.read_json(self._layout.model_file(self.config.runs[run].model, "precision_figures.json"))
        if not figures["seconds"]:
            return None
        rows, inner, columns = figures["shape"]
        return 2 * rows * inner * columns / figures["seconds"][dtype]

    def measure(
        self, run: str, variant: str, dtype: str, name: str, checked: bool = False, **changes: Any
    ) -> dict[str, Any]:
        """Train a few steps in a process of its own and return what it found, see `child`.

        Args:
            checked: train without dropout and draw with `generate`'s random numbers, so that curves can be compared.
            changes: other settings of the run's `training`.
        """
        spec, start = self.config.runs[run], self._find_start(run)
        order = {
            "variant": variant,
            "spec": cut_run(spec, CHECKED if checked else STEPS[spec.method], checked, **changes).model_dump(
                mode="json"
            ),
            "dtype": dtype,
            "base": str(self._layout.model_file(spec.model, "model")),
            "rows": str(self._layout.dataset_file(spec.dataset, "train_dataset.json")),
            "start": start and str(start.parent),
            "same_draws": checked,
            "folder": str(self.place / "training"),
        }
        files = {part: self.place / f"{run}_{name}_{variant}.{part}" for part in ("order.json", "found.json", "log")}
        records.write_json(files["order.json"], order)
        shutil.rmtree(self.place / "training", ignore_errors=True)  # else the project's way would go on from it
        command = [sys.executable, "-m", "tunelab.benchmarks.child", files["order.json"], files["found.json"]]
        with open(files["log"], "w", encoding="utf-8") as log:
            library = {"PYTHONPATH": str(Path(__file__).parents[2])}
            done = subprocess.run(command, env=os.environ | library, stdout=log, stderr=subprocess.STDOUT)
        if done.returncode:
            raise UserError(f"{variant} training of {run} failed; {files['log']} says why.")
        return records.read_json(files["found.json"])

    def _find_start(self, run: str) -> Path | None:
        """Return the weights that a run begins with; None for those of the fetched model."""
        source = getattr(self.config.runs[run], "init_from", None)
        if source is None:
            return None
        seed = self.config.list_seeds(source)[0]
        return self._layout.weights_files(source, seed, self.config.keeps_adapter(run))[0]


def cut_run(spec: SftRun | GrpoRun, steps: int, checked: bool, **changes: Any) -> SftRun | GrpoRun:
    """Return the run cut to some steps, with changes of its `training`; `checked` sets its dropouts to 0."""
    training = {name: value for name, value in spec.training.items() if name not in ("num_train_epochs", "eval_steps")}
    adapter = spec.adapter
    if checked and adapter:
        adapter = {name: 0.0 if name.endswith("dropout") else value for name, value in adapter.items()}
    return spec.model_copy(update={"training": training | PLAIN | changes | {"max_steps": steps}, "adapter": adapter})


def make_targets(bench: Bench, configfile: list[Path]) -> None:
    """Let Snakemake make what a bench starts from."""
    overlays = ["--configfile", *map(str, configfile)] if configfile else []
    done = subprocess.run([sys.executable, "-m", "snakemake", "--cores", "all", *bench.list_targets(), *overlays])
    if done.returncode:
        raise UserError("What the bench starts from could not be made; the lines above say why.")


def measure_run(bench: Bench, run: str, rounds: int) -> dict[str, Any]:
    """Measure a run in all variants in turns, the order reversed in every second round."""
    dtype, method = bench.find_precision(run), bench.config.runs[run].method
    made: dict[str, list] = {variant: [] for variant in VARIANTS}
    for number in range(rounds):
        for variant in VARIANTS[:: -1 if number % 2 else 1]:
            made[variant].append(bench.measure(run, variant, dtype, f"round{number + 1}"))
    rate = bench.read_product_rate(run, dtype)
    return {
        "dtype": dtype,
        "method": method,
        "ratio": find_ratio(made),
        "variants": {variant: summarise(found, method, rate) for variant, found in made.items()},
        "curves": {variant: found[0]["curves"] for variant, found in made.items()},
    }


def measure_setting(bench: Bench, run: str, method: str, setting: str, value: int) -> dict[str, Any]:
    """Measure steps of a run with one setting changed; a batch always holds the completions of complete groups."""
    changes = {setting: value}
    if setting == "num_generations":
        changes |= {"per_device_train_batch_size": 2 * value, "gradient_accumulation_steps": 1}
    dtype = bench.find_precision(run)
    rounds = [bench.measure(run, "project", dtype, f"growth_{setting}_{value}", **changes)]
    row = summarise(rounds, method, bench.read_product_rate(run, dtype))
    tokens = sum(rounds[0]["tokens"]) / len(rounds[0]["tokens"])
    row |= {"run": run, "setting": setting, "value": value, "tokens": tokens}
    print(f"{run}, {setting} {value}: {row['seconds']['median']:.2f} s a step", flush=True)
    return row


def time_plan(trainings: int, configfile: list[Path]) -> float:
    """Return the seconds of a dry run of a study with so many trainings: copies of its first trained run, 5 seeds."""
    config = read_config(configfile)
    run = next(name for name in config.study.runs if config.runs[name].method == "sft")
    spec = config.runs[run].model_dump(mode="json", exclude_unset=True)
    copies = {f"copy{number}": spec | {"label": f"Copy {number}"} for number in range(trainings // SEEDS)}
    study = {"results": "results/bench", "runs": list(copies), "seeds": list(range(1, SEEDS + 1))}
    overlay = PLACE / f"plan_{trainings}.json"
    records.write_json(
        overlay, {"study": study, "runs": copies, "noise": None, "drift": None, "comparison": {"contrasts": []}}
    )
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "all", "--cores", "1", "--configfile"]
    started = time.perf_counter()
    done = subprocess.run([*command, *map(str, configfile), str(overlay)], capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"The dry run of {trainings} trainings failed: {done.stdout}{done.stderr}")
    return time.perf_counter() - started


def describe_machine() -> dict[str, str]:
    from tunelab.models.device import choose_device, describe_device

    return {
        "device": describe_device(choose_device()),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "time": datetime.now().isoformat(timespec="minutes"),
    }
