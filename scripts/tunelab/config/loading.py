"""Load the complete config: validate it once, report all problems together, and freeze it.

Sections are defined in `specs`; `reader` checks single values, `crosschecks` what needs several of them.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tunelab.config.complete import Config
from tunelab.config.crosschecks import list_problems
from tunelab.config.documents import list_misread, list_repeated_keys, parse_document
from tunelab.config.drafts import Draft, Problem, find_file, render_problems
from tunelab.config.evaluation_checks import fill_datasets
from tunelab.config.hints import add_hints
from tunelab.config.likeness import check_likeness, drop_taken_over, list_unfilled
from tunelab.config.reader import Reader
from tunelab.config.trials import add_trials, check_taken, place_problems
from tunelab.config.waypoints import add_followed_tasks
from tunelab.errors import UserError

GIVEN = Path("--config")  # where a value is from that is in no file
# switches by which libraries run foreign code, refused wherever they are
UNSAFE = {
    "trust_remote_code": "code from repositories is never run",
    **dict.fromkeys(
        ("use_safetensors", "weights_only", "allow_pickle"),
        "pickled files can run code when they are opened; weights are read from safetensors and GGUF files only",
    ),
}


def load_config(
    raw: dict[str, Any],
    source: str,
    files: Iterable[Path] = (),
    typed: dict[str, Any] | None = None,
    given: dict[str, Any] | None = None,
) -> Config:
    """Validate a merged and settled config.

    Args:
        source: names the config, for messages.
        files: what it was merged from, the default config first; in these, repeated keys and misread numbers are
            found, and messages name the overlay that is wrong if there are several.
        typed: the merged config before it was settled, so that problems of fields that an entry took over from another
            one are reported once.
        given: what `--config` says, which is merged last.

    Raises:
        UserError: with one line per problem: the key's path, what is wrong, and the value.
    """
    files = list(files)
    wrong_in_file = [line for file in files for line in (*list_repeated_keys(file), *list_misread(file))]
    found, safe, draft = check_config(raw)
    problems = add_hints(drop_taken_over(found, typed or raw), raw)
    if wrong_in_file or problems:
        documents = {file: parse_document(file.read_text(encoding="utf-8")) for file in files}
        ours = [one for one in problems if given and find_file(one.path, documents | {GIVEN: given}) == GIVEN]
        others = [problem for problem in problems if problem not in ours]
        lines = [*wrong_in_file, *render_problems(others, raw, documents if len(files) > 2 else {})]
        parts = ((source, lines), (GIVEN, render_problems(ours, raw)))
        told = ["\n  ".join([f"{name} is not valid:", *found]) for name, found in parts if found]
        raise UserError("\n".join(told))
    config = Config.model_validate(safe)
    runs = {name: run.model_copy(update=_list_coerced(draft.runs[name])) for name, run in config.runs.items()}
    return config.model_copy(update={"runs": runs})


def check_config(raw: dict[str, Any]) -> tuple[list[Problem], dict[str, Any], Draft]:
    """Return all problems of a config, the config with trials and without unsafe switches, and its correct values."""
    problems: list[Problem] = []
    safe = add_followed_tasks(add_trials(fill_datasets(_take_out_unsafe(raw, (), problems))))
    reader = Reader(list_unfilled(raw))
    draft = reader.read(Config, safe)
    found = [*problems, *check_likeness(raw), *check_taken(raw), *reader.problems, *list_problems(draft)]
    return place_problems(found, raw), safe, draft


def _take_out_unsafe(node: Any, path: tuple, problems: list[Problem]) -> Any:
    """Return a copy without unsafe switches, and add a problem for each."""
    if isinstance(node, list):
        return [_take_out_unsafe(item, (*path, index), problems) for index, item in enumerate(node)]
    if not isinstance(node, dict):
        return node
    problems += [Problem((*path, key), f"is refused: {UNSAFE[key]}") for key in node if key in UNSAFE]
    return {key: _take_out_unsafe(item, (*path, key), problems) for key, item in node.items() if key not in UNSAFE}


def _list_coerced(run: Draft) -> dict[str, dict]:
    """Return the libraries' fields of a run with numbers coerced."""
    sections = {name: run.get(name) for name in ("training", "adapter", "quantization")}
    return {name: section.right for name, section in sections.items() if section is not None}
