"""Collect every question of every task with all runs' answers, in the compact form that the page's browser reads.

Of each run the first seed's answers are taken; for a maths task the seeds that got a question right are counted. All
text stands once in `texts` and is named by its place there, -1 where there is none. A row is a list:

    item                [id, [role, text, role, text …], reference, gold number]
    answer to sums      [text, tokens, marks, tagged number, last number, place in `rewards`, seeds that are right]
    answer to a text    [text, tokens, marks, ROUGE-L in ten-thousandths, chrF in hundredths]
    answer of a log     [text, -1, marks, points in ten-thousandths, seeds that are right]

`marks` is a sum of MARKS. A question that a run did not get has null in the place of its answer. Numbers are integers,
so that ties are the same here and in the browser.
"""

import json
import re
from typing import Any

from markupsafe import Markup

from tunelab.config.metrics import LOGGED
from tunelab.config.study import Study
from tunelab.data.turns import tell_turn
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting.notation import find_colour

MARKS = {"strict": 1, "flexible": 2, "strict_format": 4, "truncated": 8, "correct": 16}
TIE = 500  # ten-thousandths of ROUGE-L: two answers no farther apart are called equally alike
ABSENT = -1
# what could end the element, start a comment or a line, or cannot be written as UTF-8
_UNSAFE = re.compile("[<>&\u2028\u2029\ud800-\udfff]")


class Texts:
    """Strings by their places, each kept once."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def place(self, text: str | None) -> int:
        return ABSENT if text is None else self._places.setdefault(text, len(self._places))

    def list(self) -> list[str]:
        return list(self._places)


def build_questions(study: StudyFolder) -> dict:
    """Build all that the question browser shows."""
    texts = Texts()
    tasks = [build_task(study, task, texts) for task in study.tasks]
    return {
        "marks": MARKS,
        "tie": TIE,
        "runs": [
            {"label": study.run(run)["label"], "colour": find_colour(study, run), "seeds": len(study.list_seeds(run))}
            for run in study.runs
        ],
        "pair": choose_pair(study),
        "tasks": tasks,
        "texts": texts.list(),
    }


def choose_pair(study: Study) -> list[int]:
    """Choose the two runs that are compared at first, the earlier one first, as places in the study's runs.

    They are the config's first contrast, or the untouched model and the last run, or the first run and the last.
    """
    declared = [(against, run) for run, against in study.list_contrasts()]
    first, second = [*declared, ((study.list_runs("base") or study.runs)[0], study.runs[-1])][0]
    return [study.runs.index(first), study.runs.index(second)]


def build_task(study: StudyFolder, task: str, texts: Texts) -> dict:
    spec = study.task(task)
    rows = study.load(study.dataset_file(spec["dataset"], "test_dataset.json"))
    answers, rewards, names = [], {}, []
    for run in study.runs:
        seeds = [_load_by_id(study, run, seed, task, "scores") for seed in study.list_seeds(run)]
        given = _load_answers(study, run, task, seeds[0])
        verdicts = {item: [scores[item] for scores in seeds] for item in given}
        names = list(next(iter(verdicts.values()))[0].get("rewards", {}))
        answers.append(
            [
                build_answer(given[item], verdicts[item], texts, rewards) if item in given else None
                for item in (row["id"] for row in rows)
            ]
        )
    return {
        "name": task,
        "label": spec["label"],
        "kind": spec["kind"],
        "reward_names": names,
        "rewards": list(rewards),
        "items": [build_item(row, texts) for row in rows],
        "answers": answers,
    }


def count_disagreements(built: dict) -> dict[str, list[dict[str, int]]]:
    """Count, for each maths task and run, the answered `rows` and those that strict and lenient scores differ on."""
    strict, flexible = MARKS["strict"], MARKS["flexible"]

    def count(rows: list[list | None]) -> dict[str, int]:
        apart = [bool(row[2] & strict) != bool(row[2] & flexible) for row in rows if row]
        return {"count": sum(apart), "rows": len(apart)}

    return {task["name"]: list(map(count, task["answers"])) for task in built["tasks"] if task["kind"] == "maths"}


def _load_by_id(study: StudyFolder, run: str, seed: int, task: str, name: str) -> dict[str, dict]:
    return {row["id"]: row for row in study.load(study.task_file(run, seed, task, f"{name}.jsonl"))}


def _load_answers(study: StudyFolder, run: str, task: str, scores: dict[str, dict]) -> dict[str, dict]:
    """Load a run's first answers; a log without any has the items that were scored."""
    if task not in study.list_answered():
        return {item: {} for item in scores}
    return _load_by_id(study, run, study.list_seeds(run)[0], task, "answers")


def build_item(row: dict, texts: Texts) -> list:
    *prompt, reference = row["messages"]
    said = [texts.place(text) for message in prompt for text in (message["role"], tell_turn(message))]
    return [texts.place(row["id"]), said, texts.place(tell_turn(reference)), texts.place(row.get("answer"))]


def build_answer(answer: dict, seeds: list[dict], texts: Texts, rewards: dict[tuple, int]) -> list:
    """Build one row from an answer and its scores, one per seed; `rewards` collects the distinct rows of parts."""
    score = seeds[0]
    marks = sum(value for name, value in MARKS.items() if score.get(name))
    if logged := next((metric for metric in LOGGED.values() if metric in score), None):
        right = sum(verdict[logged] == 1 for verdict in seeds)
        return [texts.place(answer.get("completion")), ABSENT, marks, round(score[logged] * 10_000), right]
    row = [texts.place(answer["completion"]), answer["tokens"], marks]
    if "rewards" not in score:
        return [*row, round(score["rouge_l"] * 10_000), round(score["chrf"] * 100)]
    parts = tuple(None if value is None else round(value, 4) for value in score["rewards"].values())
    numbers = [texts.place(score["extracted"][name]) for name in ("tagged", "flexible")]
    return [*row, *numbers, rewards.setdefault(parts, len(rewards)), sum(verdict["strict"] for verdict in seeds)]


def render_data(value: Any) -> Markup:
    """Render a value as JSON that no browser takes for anything but the text of its element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text))
