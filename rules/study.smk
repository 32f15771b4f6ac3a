# What belongs to the study and its tasks, for the stages that evaluate, compare, draw and report. No rule in here.


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


def compared_study():
    """Return what the estimates and tests depend on: no label, no title, nothing of how an answer was made."""
    slice = study_slice(["init_from", "model", "dataset"], task_fields=["kind", "dataset", "sampling"])
    slice["study"]["smoke"] = CFG.study.smoke
    return slice | {
        "models": {
            name: {key: model.get(key) for key in ("repo_id", "gguf")} for name, model in WHOLE_STUDY["models"].items()
        },
        "datasets": {
            name: {"prepare": {"format": data["prepare"]["format"]}, "fetch": {"source": data["fetch"]["source"]}}
            for name, data in WHOLE_STUDY["datasets"].items()
        },
        "drift": CFG.drift and {"texts": list(CFG.drift.texts)},
        **{name: WHOLE_STUDY[name] for name in ("comparison", "noise")},
    }


COMPARED = compared_study()
LABELS = study_slice(["label"], task_fields=["label", "kind"])
DRAWN_COSTS = study_slice(["label", "init_from"], task_fields=["label", "kind"])
DRAWN_CURVES = study_slice(["label", "dataset"], methods=["sft"])
DRAWN_REWARDS = study_slice(["label", "rewards"], methods=["grpo"])
SAMPLED = [task for task in CFG.study.tasks if task in SAMPLED_TASKS]


def per_arm(pattern, methods=("base", "sft", "grpo"), tasks=CFG.study.tasks):
    """Expand a path's {run}, {seed} (and {task}) over the study's runs of these methods."""
    return [
        pattern.replace("{run}", run).replace("{seed}", str(seed)).replace("{task}", task)
        for run, seed in CFG.arms
        if CFG.runs[run].method in methods
        for task in (tasks if "{task}" in pattern else [""])
    ]


def per_repeat(pattern):
    """Expand a path's {repeat} and {task} over the repeated evaluations, if there are any."""
    return expand(pattern, repeat=REPEATS, task=CFG.study.tasks)


def study_figures():
    """List the figures that the study's runs and tasks give data for."""
    methods = {CFG.runs[run].method for run in CFG.study.runs}
    declared = [pair for pair in CFG.comparison.contrasts if set(pair) <= set(CFG.study.runs)]
    maths = any(CFG.tasks[task].kind == "maths" for task in CFG.study.tasks)
    names = {
        "tasks": True,
        "contrasts": declared,
        "gains": declared and maths,
        "costs": methods != {"base"},
        "learning_curves": "sft" in methods,
        "rewards": "grpo" in methods,
    }
    return [f"<results>/figures/{name}.svg" for name, drawn in names.items() if drawn]


def study_tokens():
    """List the token lengths of every data set that a run of the study learns from or answers."""
    asked = [CFG.tasks[task].dataset for task in CFG.study.tasks]
    learnt = {run: [CFG.runs[run].dataset] if CFG.runs[run].method != "base" else [] for run in CFG.study.runs}
    pairs = {(dataset, CFG.runs[run].model) for run in CFG.study.runs for dataset in (*asked, *learnt[run])}
    return [f"<results>/datasets/{dataset}/tokens_{model}.json" for dataset, model in sorted(pairs)]


def report_templates():
    """List the page's templates, relative to the working directory so that a moved checkout stays up to date."""
    folder, catalog = Path(workflow.basedir, "reports"), f"{CFG.study.language}.po"
    return sorted(os.path.relpath(path) for path in [*folder.glob("report*"), *folder.glob(catalog)])


def promised_artefacts():
    """List what a study promises besides the report, so that a deleted file is made again."""
    models = {CFG.runs[run].model for run in CFG.study.runs}
    datasets = CFG.describe_study()["datasets"]
    return [
        *(f"<results>/models/{model}/model" for model in sorted(models)),
        *(f"<results>/datasets/{dataset}/raw" for dataset in datasets),
        *(file for run, seed in CFG.arms for file in weights_of(run, seed)),
        *(f"<results>/tables/{name}.csv" for name in ("main", "estimates", "contrasts", "cost")),
        *(f"<results>/tables/{name}.tex" for name in ("main", "contrasts")),
        *(figure.replace(".svg", ".pdf") for figure in study_figures()),
        *(model_readme(run, seed) for run, seed in CFG.arms if run in TRAINED),
    ]


def task_facts(script, packages, include, exclude=None, tasks=CFG.tasks):
    """List what a stage depends on, some fields of a task, and the tasks that it is for."""

    def facts(task):
        fields = CFG.tasks[task].model_dump(mode="json", include=include, exclude=exclude)
        return stage_facts(f"tasks.{task}", fields, script, packages)

    return facts, [(name,) for name in tasks]


# what the drawing of several answers depends on, but for `k`, of which only the comparison knows
SAMPLING_FIELDS = {"sampling": True, "generation": {"max_new_tokens"}}


def repeat_task(wildcards):
    """Return the task as a repeat has it answered and measured."""
    task, size = CFG.tasks[wildcards.task], CFG.noise.batch_size
    if wildcards.repeat == "again":
        return task
    generation = task.generation.model_copy(update={"batch_size": size})
    return task.model_copy(update={"generation": generation, "loss_batch_size": size})
