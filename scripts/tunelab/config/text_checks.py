"""Judge what contradicts what where a data set holds plain texts, which ask nothing and are learnt whole."""

from collections.abc import Iterator

from tunelab.config.drafts import Draft, Problem
from tunelab.config.specs.data import PrepareSpec
from tunelab.config.wording import show

Found = Iterator[Problem]
MEASURED = "drift.texts measures losses on texts"
# fields of a data set's sections that are of questions and answers, and why texts have no use for them
IDLE = {
    "prepare": {
        "system": "plain texts are learnt as they stand, without a system message",
        "train_on": "plain texts have no turns, and all of their tokens are learnt",
        "keep": "plain texts are given to no reward and no metric",
        "test": f"no task asks plain texts, so none are held out ({MEASURED})",
    },
    "fetch": dict.fromkeys(("test_split", "test_files"), f"no task asks plain texts ({MEASURED})"),
}


def holds_texts(config: Draft, dataset: str) -> bool:
    return config.datasets[dataset].prepare.format == "text"


def check_idle(config: Draft, path: tuple, dataset: Draft) -> Found:
    """See that nothing is asked of plain texts that only questions and answers have."""
    if not holds_texts(config, path[-1]):
        return
    for section, fields in IDLE.items():
        for field, why in fields.items():
            value = dataset[section].get(field)
            if value and not (section == "prepare" and value == PrepareSpec.model_fields[field].default):
                shown = show(list(value) if isinstance(value, tuple) else value)
                yield Problem((*path, section, field), f"{why}; leave it out (got {shown})")


def check_learnt(config: Draft, path: tuple, run: Draft) -> Found:
    """See that a run on plain texts learns them whole, which is what `sft` does."""
    if run.method == "base" or run.get("samples") or not holds_texts(config, run.dataset):
        return
    name = show(run.dataset)
    if run.method != "sft":
        text = f"{name} holds plain texts, of which {run.method} can learn nothing; take method: sft, or rows that ask"
        yield Problem((*path, "dataset"), text)
    elif run.training.get("assistant_only_loss"):
        text = f"{name} holds plain texts, which have no assistant: all of their tokens are learnt; leave it out"
        yield Problem((*path, "training", "assistant_only_loss"), text)


def check_neutral(config: Draft) -> Found:
    """See that no text by which forgetting is measured is one that some run can learn."""
    for name, dataset in config.datasets.right.items() if config.drift is not None else ():
        learnt = dataset.fetch.get("files", ()) if dataset.fetch.source == "local" and holds_texts(config, name) else ()
        for file in config.drift.texts:
            if file in learnt:
                text = f"{show(file)} is learnt, as a file of {show(name)}; take a text that no data set holds"
                yield Problem(("drift", "texts"), text)


def check_asked(config: Draft, path: tuple, task: Draft) -> Found:
    if holds_texts(config, task.dataset):
        text = f"{show(task.dataset)} holds plain texts, which ask nothing; name a data set with questions ({MEASURED})"
        yield Problem((*path, "dataset"), text)
