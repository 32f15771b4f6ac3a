"""Functions of the user's own: what they are given, what they may give back, and what is said of their mistakes."""

import json
from pathlib import Path

import numpy as np
import pandas
import pytest
import score_answers

from tunelab import records
from tunelab.config.specs.evaluation import GenerationSpec, TaskSpec
from tunelab.config.specs.training import Rewards
from tunelab.errors import UserError
from tunelab.scoring.drawn import score_draws
from tunelab.scoring.own_functions import build_scorer, describe_row
from tunelab.scoring.rewards import build_reward_functions
from tunelab.scoring.scorers import build_metrics, build_scores
from tunelab.training.grpo import build_dataset

EXAMPLE = Path(__file__).parents[3] / "config/rewards/brevity.py"
ROWS = [
    {
        "id": name,
        "messages": [{"role": "user", "content": f"{name}?"}, {"role": "assistant", "content": f"It is {answer}."}],
        "answer": answer,
        "columns": {"topic": topic, "hints": hints},
    }
    for name, answer, topic, hints in (("a", "7", "sums", [1, "x"]), ("b", "12", None, {"k": 1.5}), ("c", "1", "", []))
]
SAID = ["seven", "It is 12.", ""]
ANSWERS = [
    {"id": row["id"], "sample": 0, "completion": text, "tokens": 1, "finish": "stop"}
    for row, text in zip(ROWS, SAID, strict=True)
]


@pytest.fixture
def write(tmp_path):
    def write(body: str, head: str = "def mine(prompts, completions, **columns):\n    ") -> str:
        file = tmp_path / "my_rewards.py"
        file.write_text(head + body, encoding="utf-8")
        return str(file)

    return write


def judge(file, rows=ROWS, said=SAID, **more):
    return build_scorer("mine", file, **more)(
        prompts=[row["messages"][:-1] for row in rows],
        completions=[[{"role": "assistant", "content": text}] for text in said],
        row=[describe_row(row) for row in rows],
    )


def test_a_function_is_given_the_same_in_training_drawing_and_scoring(write, tmp_path):
    log = tmp_path / "log.jsonl"
    file = write(
        f"open({str(log)!r}, 'a').write(json.dumps([prompts, completions, columns]) + '\\n')\n"
        "    return [float(len(messages[-1]['content'])) for messages in completions]\n",
        "import json\ndef mine(prompts, completions, **columns):\n    ",
    )
    spec = Rewards(functions={"mine": file}, weights={"mine": 0.5, "integer": 1.0})
    (own, _), weights = build_reward_functions(spec)
    assert (own.__name__, weights) == ("mine", [0.5, 1.0])
    data = build_dataset(ROWS, False, 0).to_list()  # as the trainer hands a batch on
    completions = [[{"role": "assistant", "content": text}] for text in SAID]
    columns = {name: [row[name] for row in data] for name in ("answer", "row")}
    prompts = [row["prompt"] for row in data]
    trained = own(prompts=prompts, completions=completions, completion_ids=[[1]] * 3, trainer_state=None, **columns)
    drawn = score_draws(ANSWERS, ROWS, spec)
    scored = build_scores(ANSWERS, ROWS, "maths", "sums", {"rewards": {"mine": file}, "metrics": {"mine": file}})
    assert trained == [row["mine"] for row in drawn] == [row["rewards"]["mine"] for row in scored] == [5.0, 9.0, 0.0]
    assert [row["mine"] for row in scored] == trained
    assert drawn[0]["reward"] == 2.5
    whole = [line for line in map(json.loads, log.read_text().splitlines()) if len(line[0]) == 3]
    assert len(whole) == 4 and all(line == whole[0] for line in whole)
    assert whole[0] == [
        [row["messages"][:-1] for row in ROWS],
        completions,
        {
            "id": ["a", "b", "c"],
            "reference": ["It is 7.", "It is 12.", "It is 1."],
            "topic": ["sums", None, ""],
            "hints": [[1, "x"], {"k": 1.5}, []],
            "answer": ["7", "12", "1"],
        },
    ]


def test_shuffled_answers_bring_what_is_told_of_their_rows(write):
    data = build_dataset(ROWS, True, 1).to_list()
    told = [json.loads(row["row"]) for row in data]
    assert [row["answer"] for row in data] == [row["answer"] for row in told] != [row["answer"] for row in ROWS]
    assert {(row["id"], row["reference"]) for row in told} == {
        (row["id"], row["messages"][-1]["content"]) for row in ROWS
    }


def test_none_counts_for_nothing_wherever_rewards_are_added_up(write):
    file = write("return [None if id == 'a' else 1.0 for id in columns['id']]\n")
    assert judge(file) == [None, 1.0, 1.0]
    rights = score_draws(ANSWERS, ROWS, Rewards(functions={"mine": file}, weights={"mine": 2.0}))
    assert [row["reward"] for row in rights] == [None, 2.0, 2.0]
    both = score_draws(ANSWERS, ROWS, Rewards(functions={"mine": file}, weights={"correctness": 1.0, "mine": 2.0}))
    assert [row["reward"] for row in both] == [0.0, 2.0, 2.0]
    scores = build_scores(ANSWERS, ROWS, "maths", "sums", {"rewards": {"mine": file}})
    metrics = build_metrics(scores)
    assert [row["rewards"]["mine"] for row in scores] == [None, 1.0, 1.0]
    assert metrics["reward/mine"] == {"value": 1.0, "n": 2}
    assert metrics["reward"]["value"] == pytest.approx(2 / 3)
    table = pandas.DataFrame(score_draws(ANSWERS[:1], ROWS, Rewards(functions={"mine": file}, weights={"mine": 2.0})))
    assert table["mine"].isna().all()


@pytest.mark.parametrize("values", ["(1, 2, True)", "np.array([1.0, 2.0, 1.0])", "[np.float32(1), np.int64(2), 1.0]"])
def test_numbers_of_every_kind_are_taken(write, values):
    found = judge(write(f"return [{values}[int(i == 'b')] for i in columns['id']]\n", HEAD))
    assert found == [1.0, 2.0, 1.0] and all(type(value) is float for value in found)


@pytest.mark.parametrize("values", ["pandas.Series([1, 2, 1], index=[7, 8, 9])", "torch.tensor([1.0, 2.0, 1.0])"])
def test_columns_of_other_libraries_are_taken(write, values):
    file = write(f"return {values} if len(prompts) == 3 else [1.0 + (columns['id'] == ['b'])]", HEAD)
    assert judge(file) == [1.0, 2.0, 1.0]


def test_values_that_differ_by_rounding_alone_are_the_same(write):
    body = "return [0.8371561765670776 + (len(prompts) > 1) * 5e-7] * len(prompts)"
    assert judge(write(body)) == [pytest.approx(0.8371566765670776)] * 3


HEAD = "import numpy as np, pandas, torch\ndef mine(prompts, completions, **columns):\n    "
WRONG = {
    "an exception": (
        "return [1 / (id != 'b') for id in columns['id']]",
        "row 'b': ZeroDivisionError: division by zero (line 3). Mend the function.",
    ),
    "a column that rows have not": (
        "return columns['colour']",
        "row 'a': KeyError: 'colour' (line 3). Mend the function.",
    ),
    "an end of the program": ("raise SystemExit('done')", "row 'a': SystemExit: done (line 3). Mend the function."),
    "an exception of a batch": (
        "assert len(completions) < 2\n    return [1.0]",
        ", 3 rows from 'a' on: AssertionError (line 3). Mend the function.",
    ),
    "too few values": ("return [1.0]", "one number for each of 3 answers (got 1 values)"),
    "no list": ("return 1.0", "one number for each of 3 answers (got a number (1.0))"),
    "nothing": ("return None", "one number for each of 3 answers (got nothing)"),
    "a number of NumPy": ("return np.float32(0.5)", "for each of 3 answers (got a value of the type float32 ("),
    "a single value in an array": (
        "return np.array(0.5)",
        "(got a value of the type ndarray (array(0.5)) of shape ())",
    ),
    "a column": ("return np.ones((len(prompts), 1))", "of shape (3, 1)); the first of them is to the row 'a'"),
    "a tensor of one number": ("import torch; return torch.tensor(0.5)", "(got a value of the type Tensor ("),
    "a generator": ("return (1.0 for _ in prompts)", "(got a value of the type generator ("),
    "a mapping": ("return dict.fromkeys('abc', 1.0)", "one number for each of 3 answers (got an object ("),
    "a set": ("return {1.0, 2.0, 3.0}", "one number for each of 3 answers (got a value of the type set ("),
    "a text": ("return 'abc'", "one number for each of 3 answers (got a string ('abc'))"),
    "messages taken for text": (
        "return [float('<answer>' in completion) for completion in completions]",
        "row 'a': TypeError: this is a list of messages and no text; take messages[-1]['content'] (line 3)",
    ),
    "another value by a thousandth": (
        "return [1.0 + 0.001 * len(prompts)] * len(prompts)",
        "the same answer was worth",
    ),
    "text": (
        "return ['x' if id == 'c' else 1 for id in columns['id']]",
        "row 'c': must return a finite number, or None",
    ),
    "NaN": ("return [float('nan')] * len(prompts)", "row 'a': must return a finite number, or None where it does not"),
    "infinity": ("return [float('inf')] * len(prompts)", "row 'a': must return a finite number, or None"),
    "more than float32 holds": ("return [10 ** 400] * len(prompts)", "row 'a': must return a finite number, or None"),
    "chance": ("return list(np.random.random(len(prompts)))", "row 'a': the same answer was worth"),
    "a rank in the batch": ("return list(range(len(prompts)))", "row 'b': the same answer was worth 1.0 among others"),
}


@pytest.mark.parametrize(("body", "sentence"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_told_with_file_function_row_and_value(write, body, sentence):
    file = write(body, HEAD)
    with pytest.raises(UserError) as caught:
        judge(file)
    assert "my_rewards.py': mine" in str(caught.value)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_a_metric_has_a_number_for_every_row(write):
    file = write("return [None] * len(prompts)")
    assert judge(file) == [None] * 3
    with pytest.raises(UserError, match=r"row 'a': must return a finite number \(got nothing\)"):
        judge(file, may_skip=False)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("import nothing_of_this_name\n", r"cannot be run: ModuleNotFoundError: .* \(line 1\)"),
        ("raise SystemExit(3)\n", r"cannot be run: SystemExit: 3 \(line 1\)"),
        ("def mine(): pass\nmine = 3\n", "leaves no function mine behind"),
    ],
)
def test_a_file_that_fails_is_told(write, body, sentence):
    with pytest.raises(UserError, match=sentence):
        build_scorer("mine", write(body, ""))


def test_what_a_function_says_or_does_to_its_arguments_stays_outside(write):
    long = write("raise ValueError('line\\n' * 5000)")
    with pytest.raises(UserError) as caught:
        judge(long)
    assert len(str(caught.value)) < 600
    completions = [[{"role": "assistant", "content": "x"}]]
    spoil = build_scorer("mine", write("completions[0][0]['content'] = 'other'; prompts.clear(); return [1.0]"))
    assert spoil(prompts=[[]], completions=completions, row=[describe_row(ROWS[0])]) == [1.0]
    assert completions == [[{"role": "assistant", "content": "x"}]]


def test_an_edit_is_seen_although_size_and_second_are_the_same(write):
    assert judge(write("return [1.0] * len(prompts)")) == [1.0] * 3
    assert judge(write("return [2.0] * len(prompts)")) == [2.0] * 3


def test_the_example_judges_by_length_and_scores_every_kind_of_task(tmp_path):
    functions = {"metrics": {"brevity": str(EXAMPLE)}}
    answers, references, scores, metrics = (tmp_path / name for name in ("answers", "rows", "scores", "metrics"))
    records.write_jsonl(answers, ANSWERS)
    records.write_jsonl(references, ROWS)
    for kind in ("maths", "text"):
        given = {"label": "Sums", "dataset": "sums", "kind": kind, "metrics": {"brevity": str(EXAMPLE)}}
        task = TaskSpec(**given, generation=GenerationSpec(max_new_tokens=8))
        assert task.metrics["brevity"].better == "higher"
        score_answers.main(answers, references, scores, metrics, task, "base", "0", "sums", functions=functions)
        assert [row["brevity"] for row in records.read_jsonl(scores)] == pytest.approx([1 - 5 / 200, 1 - 9 / 200, 1])
        assert records.read_json(metrics)["metrics"]["brevity"]["n"] == 3
    assert np.isclose(records.read_json(metrics)["metrics"]["brevity"]["value"], 1 - 14 / 600)
