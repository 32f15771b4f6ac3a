from types import SimpleNamespace

from tunelab.jobs.makers import describe_rules, find_makers


def build_rule(name, inputs, outputs, script="../scripts/make.py"):
    return SimpleNamespace(name=name, script=script, input=Inputs(inputs), output=outputs)


class Inputs(dict):
    """As Snakemake's Namedlist: it lists values, and has names."""

    def __iter__(self):
        return iter(self.values())


def test_a_rule_is_told_by_its_script_and_what_it_reads_and_writes():
    rules = [
        build_rule(
            "score",
            {"answers": "runs/{run}/answers", "rows": ["a", "b", "c"], "weights": lambda wildcards: "x", "texts": []},
            ["runs/{run,(?:a|b)}/seed{seed,\\d+}/scores"],
        ),
        build_rule("all", {"report": "report"}, [], script=None),
        build_rule("draw", {"weights": lambda wildcards: "x"}, ["samples/{samples,(?!)}/a"]),
        build_rule("plot", {"histories": []}, ["figure"]),
    ]
    assert describe_rules(rules) == [
        {
            "rule": "score",
            "script": "scripts/make.py",
            "inputs": [
                {"name": "answers", "file": "runs/{run}/answers", "more": 0},
                {"name": "rows", "file": "a", "more": 2},
                {"name": "weights", "file": None, "more": 0},
            ],
            "outputs": ["runs/{run}/seed{seed}/scores"],
        }
    ]


def test_makers_are_found_by_a_files_name_with_or_without_wildcards():
    described = [
        {"rule": "train_sft", "outputs": ["runs/{run}/seed{seed}/training.json"]},
        {"rule": "train_grpo", "outputs": ["runs/{run}/seed{seed}/training.json", "runs/{run}/seed{seed}/c.parquet"]},
        {"rule": "compare", "outputs": ["results.json"]},
    ]
    assert find_makers(described, "runs/{run}/seed{seed}/training.json") == ["train_sft", "train_grpo"]
    assert find_makers(described, "runs/lora/seed1/c.parquet") == ["train_grpo"]
    assert find_makers(described, "runs/lora/x/seed1/c.parquet") == []
    assert find_makers(described, "resultsXjson") == []
