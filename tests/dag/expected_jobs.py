"""Names of jobs of the default study, as `study_copy.plan` lists them."""

SEEDS = {"base": "0", "lora": "1", "prefix": "1", "warmstart": "1", "grpo": "1"}
RUNS, TASKS = tuple(SEEDS), ("support", "sums")
EVALUATIONS = ("generate_answers", "score_answers", "measure_loss")
METHODS = {"lora": "train_sft", "prefix": "train_sft", "warmstart": "train_sft", "grpo": "train_grpo"}

COMPARED = {"compare_methods", "plot_tasks", "render_report", "all"}
# whatever describes the study depends on all that is selected
DESCRIBED = COMPARED | {"plot_learning_curves", "plot_rewards"}


def evaluated(runs=RUNS, tasks=TASKS, rules=EVALUATIONS, seeds=SEEDS):
    return {f"{rule} {run} {seeds[run]} {task}" for run in runs for task in tasks for rule in rules}


def trained(*runs, seeds=SEEDS):
    """The training of these runs and all that is measured of them."""
    return {f"{METHODS[run]} {run} {seeds[run]}" for run in runs} | evaluated(runs, seeds=seeds)


def prepared(dataset):
    """All that a change of a data set's rows asks for, from its split on to the page."""
    learners = {"support": ("lora", "prefix"), "sums": ("warmstart", "grpo")}[dataset]
    curves = {"support": {"plot_learning_curves"}, "sums": {"plot_learning_curves", "plot_rewards"}}[dataset]
    stages = {f"prepare_dataset {dataset}", f"measure_tokens {dataset} smollm2"}
    return stages | trained(*learners) | evaluated(tasks=[dataset]) | COMPARED | curves


FETCHED = {"fetch_model smollm2", "fetch_dataset support", "fetch_dataset sums"}
EVERYTHING = FETCHED | prepared("support") | prepared("sums")
