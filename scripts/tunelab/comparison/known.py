"""Compare untouched models with published numbers: a measurement far off the known band is wrong before any training.

The numbers stand in `reports/known_results.yaml`, each with its source.
"""

from collections.abc import Iterator

from tunelab.comparison.results import Estimate, Known
from tunelab.config.study import Study


def list_known(study: Study, estimates: list[Estimate], published: list[dict]) -> Iterator[Known]:
    """Match every published number with the untouched run and task that it is about, where its metric was measured."""
    found = {(row.run, row.task, row.metric): row for row in estimates if row.seed is not None}
    for run in study.list_runs("base"):
        model = study.spec["models"][study.run(run)["model"]]
        for task in study.tasks:
            dataset = study.spec["datasets"][study.task(task)["dataset"]]
            for number in published:
                row = found.get((run, task, number["metric"]))  # a task may be judged by other metrics
                if row and is_about(number["model"], model) and is_benchmark(number["benchmark"], dataset):
                    yield Known(
                        run=run,
                        task=task,
                        metric=number["metric"],
                        value=row.value,
                        low=row.low,
                        high=row.high,
                        published_low=number["low"],
                        published_high=number["high"],
                        setting=number["setting"],
                        source=number["source"],
                        inside=row.low <= number["high"] and row.high >= number["low"],
                    )


def is_about(names: list[str], model: dict) -> bool:
    """Tell whether a model's source has one of the names: a repository of the Hub, or a file of a package."""
    return bool({model.get("repo_id"), str(model.get("gguf")).rpartition("/")[2]} & set(names))


def is_benchmark(benchmark: str, dataset: dict) -> bool:
    """Tell whether a data set is the benchmark: GSM8K's real questions, wherever their files come from."""
    return dataset["prepare"]["format"] == benchmark and dataset["fetch"]["source"] != "generated"
