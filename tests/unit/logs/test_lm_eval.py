"""What lm-eval wrote is read whole: filters apart, hashes as keys, and what stands beside the samples."""

import json

import pytest
from logs.log_files import CHOSEN, FIXTURES, RESULTS, SAMPLES, load, save

from tunelab.errors import UserError
from tunelab.logs.reading import read_logs


def test_each_filter_is_a_log_of_its_own(harness):
    strict, flexible = read_logs(harness / SAMPLES)
    assert [(log.tool, log.task, log.filter) for log in (strict, flexible)] == [
        ("lm-eval", "sums", "strict-match"),
        ("lm-eval", "sums", "flexible-extract"),
    ]
    assert len(strict.items) == len(flexible.items) == 6 and not strict.positional
    assert strict.items[2].question == "What is 7 - 4?" and strict.items[2].reference.endswith("#### 3")
    assert strict.items[2].scores == {"exact_match": 0.0}
    assert strict.items[0].key == strict.items[1].key != strict.items[2].key  # the same question, asked twice
    assert strict.items[0].prompt != strict.items[1].prompt  # with other examples before it


def test_pairs_are_no_metrics_and_a_filter_named_none_is_none(harness):
    (log,) = read_logs(harness / SAMPLES.replace("sums", "colours"))
    assert log.filter == "" and log.lower == frozenset()
    assert [item.scores for item in log.items] == [{"acc": right, "acc_norm": right} for right in (1.0, 0.0, 1.0, 0.0)]


def test_what_stands_beside_them_tells_how_the_samples_were_made(harness):
    log, _ = read_logs(harness / SAMPLES)
    settings = dict(log.settings)
    assert len(settings.pop("prompts")) == 12
    assert json.loads(settings.pop("generation"))["max_gen_toks"] == 24
    assert settings == {"version": "3.0", "shots": "1", "model": "tiny"}


def test_renamed_files_find_their_results_by_the_hash_of_their_samples(harness):
    (harness / SAMPLES).rename(harness / "mine.jsonl")
    assert read_logs(harness / "mine.jsonl")[0].settings["version"] == "3.0"
    rows = load(harness / "mine.jsonl")
    rows[0]["prompt_hash"] = "another"
    save(harness / "mine.jsonl", rows)
    (log, _) = read_logs(harness / "mine.jsonl")
    assert log.task == "" and "version" not in log.settings


def test_the_order_of_rows_does_not_matter(harness):
    before = read_logs(harness / SAMPLES)
    rows = load(harness / SAMPLES)
    save(harness / SAMPLES, rows[::-1])  # several processes write theirs one after the other
    after = {log.filter: log for log in read_logs(harness / SAMPLES)}
    assert all(after[log.filter].items == log.items and after[log.filter].settings == log.settings for log in before)


def test_chosen_documents_are_those_of_the_whole_data_whatever_their_ids_say():
    chosen = FIXTURES / "lm_eval_chosen" / CHOSEN
    asked = {row["doc_id"]: row["doc"]["question"] for row in load(chosen)}
    assert asked == {3: "What is 2 + 3?", 0: "What is 7 - 4?", 1: "What is 2 + 3?"}  # the rows 0, 1 and 3 of the data
    (few, _), (whole, _) = read_logs(chosen), read_logs(FIXTURES / "lm_eval" / SAMPLES)
    known = {item.key: item.question for item in whole.items}
    assert [known[item.key] for item in few.items] == [item.question for item in few.items]
    assert sorted(item.question for item in few.items) == sorted(asked.values())


def test_ids_do_not_decide_the_order_of_equal_documents(harness):
    (before, _), rows = read_logs(harness / SAMPLES), load(harness / SAMPLES)
    for row in rows:
        row["doc_id"] = {0: 3, 3: 0}.get(row["doc_id"], row["doc_id"])
    save(harness / SAMPLES, rows)
    assert read_logs(harness / SAMPLES)[0].items == before.items


def test_a_file_with_fewer_rows_than_were_evaluated_is_incomplete(harness):
    save(harness / SAMPLES, load(harness / SAMPLES)[:-1])
    with pytest.raises(UserError, match=r"5 rows of the filter 'flexible-extract'.* says that 6 documents.*missing"):
        read_logs(harness / SAMPLES)
    (harness / RESULTS).unlink()
    assert [len(log.items) for log in read_logs(harness / SAMPLES)] == [6, 5]


def test_a_file_with_more_rows_holds_two_evaluations(harness):
    save(harness / SAMPLES, load(harness / SAMPLES) * 2)
    with pytest.raises(UserError, match="Two evaluations"):
        read_logs(harness / SAMPLES)


def test_less_is_better_where_lm_eval_says_so_or_else_where_it_sounds_so(harness):
    rows = load(harness / SAMPLES)
    for row in rows:
        row |= {"metrics": ["exact_match", "acc", "ter", "odd_loss"], "acc": 1, "ter": 0.5, "odd_loss": 1}
    save(harness / SAMPLES, rows)
    results = json.loads((harness / RESULTS).read_text(encoding="utf-8"))
    results["higher_is_better"]["sums"] |= {"exact_match": False, "odd_loss": True, "acc": None}
    (harness / RESULTS).write_text(json.dumps(results), encoding="utf-8")
    assert read_logs(harness / SAMPLES)[0].lower == {"exact_match", "ter"}
    (harness / RESULTS).unlink()
    assert read_logs(harness / SAMPLES)[0].lower == {"ter", "odd_loss"}


def test_what_was_not_scored_is_not_wrong(harness):
    text = (harness / SAMPLES).read_text(encoding="utf-8")
    (harness / SAMPLES).write_text(text.replace('"exact_match": 0.0', '"exact_match": NaN', 1), encoding="utf-8")
    assert [item.scores["exact_match"] for item in read_logs(harness / SAMPLES)[0].items] == [None, *[0.0] * 5]


def test_rows_of_older_versions_name_no_metrics_and_no_hashes(harness):
    before, _ = read_logs(harness / SAMPLES)
    rows = [row for row in load(harness / SAMPLES) if row["filter"] == "strict-match"]
    (harness / RESULTS).unlink()
    save(
        harness / SAMPLES,
        [{n: v for n, v in row.items() if n not in ("metrics", "filter", "doc_hash")} for row in rows],
    )
    (log,) = read_logs(harness / SAMPLES)
    assert [item.key for item in log.items] == [item.key for item in before.items]
    assert log.filter == "" and list(log.items[0].scores) == ["exact_match"]
