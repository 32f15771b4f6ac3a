"""Write the overlay of a first study to config/, never over an existing file."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from tunelab.config.complete import Config
from tunelab.config.specs.sources import ChatSettings
from tunelab.errors import UserError
from tunelab.layout import FOLDERS, RUN_PARTS
from tunelab.upkeep.new_study.columns import UNNAMED, Named
from tunelab.upkeep.new_study.model import Chosen, choose_chat, choose_model, estimate_rows, look_at_model
from tunelab.upkeep.new_study.overlay import Findings, choose_settings, describe, find_machine, render_overlay
from tunelab.upkeep.new_study.rows import look_at_rows
from tunelab.upkeep.overlays import DEFAULT, read_config
from tunelab.values import shorten

# file names that say nothing about their content
IDLE = {"", "data", "dataset", "examples", "file", "input", "mine", "my", "rows", "train", "training"}
_SEPARATORS = re.compile(r"[\W_]+")
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,49}")  # it becomes a folder of results


def write_study(
    name: str, model: str, data: str, title: str = "", columns: Named = UNNAMED, tune: bool = False
) -> tuple[Path, list[str]]:
    """Look at data and model, and write config/<name>.yaml; return it with a sentence on each finding.

    tune: whether the study tries several learning rates of each run first.

    Raises:
        UserError: for a name, data or model that cannot be used; nothing is written then.
    """
    default = read_config()
    file = check_name(name)
    chosen = choose_model(model, default)
    found = find_out(name, data, chosen, default, title.strip(), columns, tune)
    text = render_overlay(found)
    with TemporaryDirectory() as folder:
        trial = Path(folder, file.name)
        trial.write_text(text, encoding="utf-8")
        read_config([trial])
    with open(file, "x", encoding="utf-8") as target:
        target.write(text)
    return file, list(describe(found))


def check_name(name: str) -> Path:
    """Return the overlay's path, if the name is unused and can name a folder.

    Raises:
        UserError: if it is not.
    """
    if not NAME.fullmatch(name):
        raise UserError(
            f"NAME: {shorten(name)} must have lower-case letters, digits, `_` and `-` only, and at most 50 of them, as "
            "it becomes a folder's name. For example NAME=mine."
        )
    if name in FOLDERS:
        raise UserError(f"NAME: {name!r} is the name of a folder inside studies; take another.")
    file = DEFAULT.with_name(f"{name}.yaml")
    if file.exists():
        raise UserError(f"NAME: {file} is there already, and is not written over. Take another name, or remove it.")
    return file


def make_title(name: str, data: str) -> str:
    """Make a title from the file's name, or from the study's name if the file's says nothing."""
    stem = Path(data).name.partition(".")[0]
    words = _SEPARATORS.sub(" ", stem if stem.lower() not in IDLE else name).strip()
    return words[:1].upper() + words[1:] or name


def find_out(
    name: str, data: str, chosen: Chosen, default: Config, title: str, columns: Named, tune: bool = False
) -> Findings:
    """Look at the rows, at the model and at the machine."""
    taken = {*default.datasets, *default.tasks, *RUN_PARTS}
    dataset = f"{name}-rows" if name in taken else name
    rows = look_at_rows(data, dataset, columns)
    records = [record for split in rows.splits for record in rows.list_records(split)]
    records += [row | {"messages": [*row["messages"][:-1], row["rejected"]]} for row in records if "rejected" in row]
    machine = find_machine()
    with look_at_model(chosen) as known:
        chat, reason, problem = ChatSettings(), "not looked at", None
        lengths = estimate_rows(records)
        if known.folder:
            try:
                chat, reason, lengths = choose_chat(known.folder, records)
            except UserError as error:
                reason, problem = "not settled", str(error)
        settings = choose_settings(len(rows.splits["train"]), lengths, known, machine)
    return Findings(
        name,
        title or make_title(name, data),
        Path(data).name or data,
        dataset,
        rows,
        chosen,
        known,
        chat,
        reason,
        lengths,
        settings,
        machine,
        problem,
        tune,
    )
