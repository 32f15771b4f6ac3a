# Lists of files over the whole study, for the stages that compare, draw and report. No rule in here.

from tunelab.reporting.plots import FIGURES

# a fact of the page alone, so that a complete one replaces it
LACKING = {"partial": PARTIAL} if PARTIAL else {}

# the figures that the study has data for
STUDY_FIGURES = [name for name, figure in FIGURES.items() if figure.is_of(STUDY)]

SAMPLED = [task for task in CFG.study.tasks if CFG.tasks[task].sampling]


def per_repeat(pattern):
    """Expand a path's {repeat} and {task} over the repeated evaluations, if there are any."""
    return expand(pattern, repeat=REPEATS, task=CFG.study.tasks) if CFG.noise else []


def study_figures(ending="svg"):
    return [f"<results>/figures/{name}.{ending}" for name in STUDY_FIGURES]


def figure_slice(figure):
    """Return the part of the config that a figure depends on."""
    return getattr(SLICES, FIGURES[figure].slice)


def read_by_figure(wildcards):
    """List, by the names of a rule's inputs, what a figure is drawn from."""
    figure, runs = FIGURES[wildcards.figure], "<results>/runs/{run}/seed{seed}"
    found = {
        "table": "<results>/results.json",
        "costs": per_arm(f"{runs}/training.json", runs=STUDY.list_trained()),
        "drawings": drawing_summaries(),
        "histories": per_arm(f"{runs}/history.jsonl", runs=STUDY.list_runs(*figure.methods)),
    }
    return {name: found[name] for name in figure.reads}


def study_tokens():
    """List the token lengths of every data set that a run of the study learns from or answers."""
    return [f"<results>/datasets/{dataset}/tokens_{model}.json" for dataset, model in STUDY.list_token_pairs()]


def tuning_choices():
    """List the choices among the trials of the study's tuned runs."""
    return [str(LAYOUT.tuning_file(run, "choice.json")) for run in STUDY.list_tuned()]


def followed_files():
    """List what is measured along the way of the study's runs: at their origins, their waypoints and their ends."""
    found = []
    for run, tasks in CFG.followed.items():
        names = [CFG.find_origin(run), *(name for name, point in CFG.waypoints.items() if point.run == run), run]
        for name in names:
            for seed in CFG.list_seeds(CFG.find_trained(name)):
                for task in tasks:
                    drawn = ["sample_scores.jsonl"] if CFG.tasks[task].sampling else []
                    found += [LAYOUT.task_file(name, seed, task, file) for file in (*drawn, "losses.jsonl")]
                found += [LAYOUT.run_file(name, seed, "drift.jsonl")] if CFG.drift else []
    return list(map(str, dict.fromkeys(found)))


def drawing_summaries():
    return [f"<results>/samples/{name}/seed{seed}/summary.json" for name, seed in STUDY.list_drawings()]


def study_wording():
    """List the catalog of the study's language; English has none."""
    return [own(path) for path in (PROJECT / "reports").glob(f"{CFG.study.language}.po")]


def report_templates():
    """List the page's templates."""
    return own_templates("report*")


def own_templates(*patterns):
    """List templates of this project with the catalog of the report's language."""
    found = [own(path) for pattern in patterns for path in (PROJECT / "reports").glob(pattern)]
    return sorted([*found, *study_wording()])


def page_files():
    """List, by the names of a rule's inputs, what the page and the paper look their numbers up in."""
    return {
        "table": "<results>/results.json",
        "answers": per_arm("<results>/runs/{run}/seed{seed}/{task}/answers.jsonl"),
        "generation": per_arm("<results>/runs/{run}/seed{seed}/{task}/generation.json"),
        "scores": per_arm("<results>/runs/{run}/seed{seed}/{task}/scores.jsonl"),
        "samples": per_arm("<results>/runs/{run}/seed{seed}/{task}/sample_scores.jsonl", tasks=SAMPLED),
        "costs": per_arm("<results>/runs/{run}/seed{seed}/training.json", runs=STUDY.list_trained()),
        "completions": per_arm("<results>/runs/{run}/seed{seed}/completions.parquet", runs=STUDY.list_runs(*REWARDED)),
        "drawings": drawing_summaries(),
        "tuned": tuning_choices(),
        "choices": per_arm("<results>/runs/{run}/seed{seed}/choice.json", runs=STUDY.list_learners()),
        "models": [
            f"<results>/models/{name}/{file}.json"
            for name in SLICES.whole["models"]
            for file in ("card", "precision", "precision_figures", "positions")
        ],
        "datasets": [
            f"<results>/datasets/{name}/{file}"
            for name in SLICES.whole["datasets"]
            for file in ("card.json", "data_card.json", "test_dataset.json")
        ],
        "tokens": study_tokens(),
    }


def paper_sources():
    return [
        f"<results>/paper/{name}"
        for name in ("paper.tex", "setting.tex", "methods.tex", "results.tex", "references.bib")
    ]


def own_rules():
    return sorted(own(path) for path in (PROJECT / "rules").glob("*.smk"))


def bundled_artefacts():
    """List what a bundle shows and what its numbers can be estimated from again; no weights, no training rows."""
    shown = [file for files in page_files().values() for file in ([files] if isinstance(files, str) else files)]
    return [
        "<results>/report.html",
        "<results>/overlap.json",
        *(file for file in shown if Path(file).name not in ("test_dataset.json", "completions.parquet")),
        *per_arm("<results>/runs/{run}/seed{seed}/{task}/losses.jsonl"),
        *(per_arm("<results>/runs/{run}/seed{seed}/drift.jsonl") if CFG.drift else []),
        *per_repeat("<results>/noise/{repeat}/{task}/scores.jsonl"),
        *per_repeat("<results>/noise/{repeat}/{task}/losses.jsonl"),
        *per_arm("<results>/runs/{run}/seed{seed}/history.jsonl", runs=STUDY.list_trained()),
        *(file for file in promised_artefacts() if file.endswith((".csv", ".tex", ".md"))),
        *study_figures(),
        *study_figures("pdf"),
        *paper_sources(),
    ]


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
