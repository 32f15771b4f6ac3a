"""Names of jobs of the default study, as `study_copy.plan` lists them."""

SEEDS = {"base": "0", "lora": "1", "prefix": "1", "warmstart": "1", "grpo": "1"}
RUNS, TASKS = tuple(SEEDS), ("support", "sums")
EVALUATIONS = ("generate_answers", "score_answers", "measure_loss")
METHODS = {"lora": "train_sft", "prefix": "train_sft", "warmstart": "train_sft", "grpo": "train_grpo"}

PAGE = {"render_report", "all"}
CURVES, REWARDS = {"plot_figure learning_curves"}, {"plot_figure rewards"}
LABELLED = {"plot_figure tasks", "plot_figure contrasts", "plot_figure gains", "render_tables"}
DRAWN = LABELLED | {"plot_figure costs", "plot_figure forgetting"}
FIGURES = DRAWN - {"render_tables"} | CURVES | REWARDS
COMPARED = {"compare_methods"} | DRAWN | PAGE
COMPARED_WITHOUT_DRIFT = COMPARED - {"plot_figure forgetting"}
# what tests share with trainings
OVERLAP = {"measure_overlap"}
# whether the model has positions enough
CHECKED = {"check_positions smollm2"}
REPEATS = ("again", "rebatched")
# whatever shows all runs that are selected
DESCRIBED = COMPARED | CURVES | REWARDS | OVERLAP


def evaluated(runs=RUNS, tasks=TASKS, rules=EVALUATIONS, seeds=SEEDS):
    return {f"{rule} {run} {seeds[run]} {task}" for run in runs for task in tasks for rule in rules}


def repeated(tasks=TASKS, rules=EVALUATIONS, repeats=REPEATS):
    """The further evaluations of the run that the noise section names, grpo."""
    names = {
        "generate_answers": "generate_repeats",
        "score_answers": "score_repeats",
        "measure_loss": "measure_repeats",
    }
    return {f"{names[rule]} {repeat} {task}" for rule in rules for repeat in repeats for task in tasks}


def drifted(runs=RUNS, seeds=SEEDS):
    return {f"measure_drift {run} {seeds[run]}" for run in runs}


def carded(*runs, seeds=SEEDS):
    return {f"render_model_card {run} {seeds[run]} adapter" for run in runs}


def trained(*runs, seeds=SEEDS):
    """The training of these runs and all that is made and measured of them."""
    learnt = {f"{METHODS[run]} {run} {seeds[run]}" for run in runs}
    again = repeated() if "grpo" in runs and seeds is SEEDS else set()  # of the first seed only
    return learnt | carded(*runs, seeds=seeds) | evaluated(runs, seeds=seeds) | drifted(runs, seeds) | again


def prepared(dataset):
    """All that a change of a data set's rows asks for, from its split on to the page."""
    learners = {"support": ("lora", "prefix"), "sums": ("warmstart", "grpo")}[dataset]
    curves = {"support": CURVES, "sums": CURVES | REWARDS}[dataset]
    stages = {f"prepare_dataset {dataset}", f"measure_tokens {dataset} smollm2"} | CHECKED
    measured = evaluated(tasks=[dataset]) | repeated([dataset]) | drifted()
    return stages | trained(*learners) | measured | COMPARED | curves | OVERLAP


def retemplated():
    """Another chat template: every run is trained and evaluated anew, with the same model."""
    return remodelled() - MODEL


def remodelled():
    """A new base model: every run is trained and evaluated anew, on the same rows."""
    measured = {"measure_tokens support smollm2", "measure_tokens sums smollm2", "settle_template smollm2"} | CHECKED
    untouched = evaluated(["base"]) | drifted(["base"])
    return MODEL | measured | trained(*METHODS) | untouched | (DESCRIBED - OVERLAP)


MODEL = {"fetch_model smollm2", "measure_precision smollm2", "inspect_model smollm2"}
FETCHED = MODEL | {"settle_template smollm2", "fetch_dataset support", "fetch_dataset sums"}
EVERYTHING = FETCHED | prepared("support") | prepared("sums")
