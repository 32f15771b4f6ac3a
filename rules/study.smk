# What belongs to the study as a whole, for the stages that compare, draw and report. No rule in here.


def study_slice(run_fields, methods=("base", "sft", "grpo"), task_fields=()):
    """Pick from the study what a stage uses: fields of the runs of some methods, and of the tasks."""

    def pick(entry, fields):
        return {field: entry[field] for field in fields if field in entry}

    def fields_of(run):
        return ["method", *(run_fields if run["method"] in methods else [])]

    described = CFG.describe_study()
    return {
        "study": pick(described["study"], ["results", "runs", "seeds", *(["tasks"] if task_fields else [])]),
        "runs": {name: pick(run, fields_of(run)) for name, run in described["runs"].items()},
        "tasks": {name: pick(task, task_fields) for name, task in described["tasks"].items() if task_fields},
    }


def study_facts(study, script, packages):
    return stage_facts("", study, script, packages)


def untracked(value):
    """Hand a value to a script; Snakemake does not compare functions that name `input`, since the facts do it."""
    return lambda wildcards, input: value


WHOLE_STUDY = CFG.describe_study()
COMPARED = study_slice(["init_from"], task_fields=["kind"])
DRAWN_TASKS = study_slice(["label"], task_fields=["label", "kind"])
DRAWN_CURVES = study_slice(["label", "dataset"], methods=["sft"])
DRAWN_REWARDS = study_slice(["label", "rewards"], methods=["grpo"])


def per_arm(pattern, methods=("base", "sft", "grpo")):
    """Expand a path's {run}, {seed} (and {task}) over the study's runs of these methods."""
    tasks = CFG.study.tasks if "{task}" in pattern else [""]
    return [
        pattern.replace("{run}", run).replace("{seed}", str(seed)).replace("{task}", task)
        for run, seed in CFG.arms
        if CFG.runs[run].method in methods
        for task in tasks
    ]


def study_figures():
    """List the figures that the study's runs give data for."""
    methods = {CFG.runs[run].method for run in CFG.study.runs}
    names = ["tasks", *(["learning_curves"] if "sft" in methods else []), *(["rewards"] if "grpo" in methods else [])]
    return [f"<results>/figures/{name}.svg" for name in names]


def study_tokens():
    """List the token lengths of every data set that a run of the study learns from or answers."""
    asked = [CFG.tasks[task].dataset for task in CFG.study.tasks]
    learnt = {run: [CFG.runs[run].dataset] if CFG.runs[run].method != "base" else [] for run in CFG.study.runs}
    pairs = {(dataset, CFG.runs[run].model) for run in CFG.study.runs for dataset in (*asked, *learnt[run])}
    return [f"<results>/datasets/{dataset}/tokens_{model}.json" for dataset, model in sorted(pairs)]


def report_templates():
    """List the page's templates, relative to the working directory so that a moved checkout stays up to date."""
    return sorted(os.path.relpath(path) for path in Path(workflow.basedir, "reports").glob("report*"))


def promised_artefacts():
    """List what a study promises besides the report, so that a deleted file is made again."""
    models = {CFG.runs[run].model for run in CFG.study.runs}
    datasets = CFG.describe_study()["datasets"]
    return [
        *(f"<results>/models/{model}/model" for model in sorted(models)),
        *(f"<results>/datasets/{dataset}/raw" for dataset in datasets),
        *(file for run, seed in CFG.arms for file in weights_of(run, seed)),
        *(model_readme(run, seed) for run, seed in CFG.arms if run in TRAINED),
    ]
