# Lists of files over the whole study, for the stages that compare, draw and report. No rule in here.

from tunelab.jobs.partial import load_partial

# of a partial report, what it lacks and why; a fact of the page alone, so that a complete one replaces it
LACKING = {"partial": partial} if (partial := load_partial()) else {}

SAMPLED = [task for task in CFG.study.tasks if CFG.tasks[task].sampling]


def per_repeat(pattern):
    """Expand a path's {repeat} and {task} over the repeated evaluations, if there are any."""
    return expand(pattern, repeat=REPEATS, task=CFG.study.tasks) if CFG.noise else []


def study_figures(ending="svg"):
    return [f"<results>/figures/{name}.{ending}" for name in SLICES.figures]


def study_tokens():
    """List the token lengths of every data set that a run of the study learns from or answers."""
    return [f"<results>/datasets/{dataset}/tokens_{model}.json" for dataset, model in STUDY.list_token_pairs()]


def drawing_summaries():
    return [f"<results>/samples/{name}/seed{seed}/summary.json" for name, seed in STUDY.list_drawings()]


def study_wording():
    """List the catalog of the study's language; English has none."""
    return [own(path) for path in (PROJECT / "reports").glob(f"{CFG.study.language}.po")]


def report_templates():
    """List the page's templates."""
    return sorted([*(own(path) for path in (PROJECT / "reports").glob("report*")), *study_wording()])


def promised_artefacts():
    """List what a study promises besides the report, so that a deleted file is made again."""
    return [
        *(f"<results>/models/{model}/model" for model in SLICES.whole["models"]),
        *(f"<results>/datasets/{dataset}/raw" for dataset in SLICES.whole["datasets"]),
        *(file for run, seed in STUDY.list_arms() for file in weights_of(run, seed)),
        *(f"<results>/tables/{name}.csv" for name in ("main", "estimates", "contrasts", "cost")),
        *(f"<results>/tables/{name}.tex" for name in ("main", "contrasts")),
        *study_figures("pdf"),
        *(f"{Path(weights_of(run, seed)[0]).parent}/README.md" for run, seed in STUDY.list_arms(STUDY.list_trained())),
    ]
