"""Build the page's records (`chapters.Page`) from a study's files; wording and mark-up are the templates'."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tunelab.comparison import budgets, deciding, gains, power, repetition, statistics, verdicts
from tunelab.comparison.contrasts import compares_all
from tunelab.comparison.items import name_text
from tunelab.comparison.metrics import find_metric, list_headlines, list_sampled
from tunelab.config.methods import METHODS, REWARDED
from tunelab.config.metrics import FIRST, METRICS
from tunelab.config.study import Study
from tunelab.data.overlap import NGRAM
from tunelab.jobs.layout import StudyFolder
from tunelab.layout import LOGS
from tunelab.reporting import cards, cautions, completions, facts, findings, overview, settings, tables, tuned_runs
from tunelab.reporting.chapters import (
    DataChapter,
    DoubtsChapter,
    Files,
    MethodsChapter,
    Model,
    Page,
    ResultsChapter,
    Run,
    Statistics,
    Table,
    Task,
    TrainingChapter,
)
from tunelab.reporting.deciding import price_needed
from tunelab.reporting.notation import find_colour


def build_page(study: StudyFolder, figures: dict[str, Any], partial: dict | None, makers: list[dict]) -> Page:
    """Build what the templates may refer to.

    figures: the drawings by name; partial: what the study lacks, if it is not complete; makers: what makes each kind of
    file (`jobs.makers.describe_rules`).
    """
    results = findings.load_results(study)
    found = results.model_dump()
    facts.place_rows(found)
    find = {(row["run"], row["seed"], row["task"], row["metric"]): row for row in found["estimates"]}
    trainings, data_cards = tables.load_trainings(study), cards.build_data_cards(study)
    chapter = build_results(study, found, find, trainings)
    chosen = tuned_runs.build_tuned(study, found["tuned"])
    doubts = build_doubts(study, found, chapter, trainings, data_cards)
    tasks = {task: build_task(study, task, find, data_cards, task in results.paired) for task in study.tasks}
    return Page(
        title=study.spec["study"]["title"],
        smoke=study.spec["study"]["smoke"],
        partial=partial,
        seeds=study.seeds,
        seed_counts=study.seed_counts,
        runs={run: build_run(study, run) for run in study.runs},
        tasks=tasks,
        texts={name_text(text): text for text in study.list_texts()},
        metrics={
            name: find_metric(name, study.own_metrics)
            for name in dict.fromkeys([*order_metrics(find), *(row["metric"] for row in [*chosen, *found["followed"]])])
        },
        many=not compares_all(study),
        figures=figures,
        files=build_files(study),
        logs=study.load(study.root / LOGS) if study.is_imported else None,
        trace=facts.build_trace(found, study.name(study.results_file)),
        overview=overview.build_overview(study, chapter.primary, chapter.cells, chapter.pairs, chapter.costs, chosen),
        cautions=cautions.list_cautions(
            list(tasks),
            chapter.findings.primary,
            doubts.contamination,
            doubts.facts.cut_off,
            doubts.degenerate,
            doubts.starved,
            chosen,
        ),
        results=chapter,
        doubts=doubts,
        training=TrainingChapter(
            tuned=chosen,
            tuned_table=Table(columns=tables.list_columns(tables.TUNED, tables.PAGE), rows=chosen),
            tuning=study.spec.get("tuning"),
            completions={run: completions.build_completions(study, run) for run in study.list_runs(*REWARDED)},
            samples=completions.build_samples(study),
            signals=completions.build_signals(study, find, chapter.pairs, found["implicit"]),
        ),
        data=DataChapter(cards=data_cards, quantiles=list(cards.QUANTILES), ngram=NGRAM),
        methods=build_methods(study, trainings, makers),
        statistics=Statistics(
            confidence=results.confidence,
            coverage=found["coverage"],
            power=power.POWER,
            resamples=statistics.RESAMPLES,
            small_sample=statistics.SMALL_SAMPLE,
            least_equivalent=verdicts.LEAST_EQUIVALENT,
            most_needed={"seeds": deciding.MOST_SEEDS, "rows": deciding.MOST_ROWS},
            least_completions={"all": budgets.LEAST_COMPLETIONS, "step": budgets.LEAST_OF_STEP},
            enough={"answers": gains.FEWEST, "share": gains.SMALLEST},
            origins=repetition.ORIGINS,
        ),
    )


def build_results(study: StudyFolder, found: dict, find: dict, trainings: dict) -> ResultsChapter:
    """Build the chapter of estimates, differences and costs from the rows of results.json."""
    texts = [name_text(text) for text in study.list_texts()]
    primary = {task: FIRST[study.task(task)["kind"]] for task in study.tasks} | dict.fromkeys(texts, FIRST["neutral"])
    told, pairs = findings.build_findings(found["contrasts"]), findings.find_pairs(found["contrasts"])
    costs = tables.build_cost_table(study, trainings)
    return ResultsChapter(
        find=find,
        cells=build_cells(study, find),
        primary=primary,
        findings=told,
        contrast_table=build_table(study, tables.CONTRASTS, told.declared),
        pairs=pairs,
        samplings={task: study.task(task)["sampling"] for task in study.tasks if study.task(task).get("sampling")},
        costs=costs,
        cost_table=build_table(study, tables.COSTS, costs),
        consumed_table=build_table(study, tables.CONSUMED, tables.list_summaries(found["consumed"])),
        followed=found["followed"],
        reached=build_reached(found),
        budget=study.spec["study"].get("budget"),
        changes=findings.build_changes(study, pairs, [*study.tasks, *texts]),
        drift=study.spec.get("drift"),
        gains=found["gains"],
        kinds=findings.build_kinds(found["kinds"], found["starved"], found["sameness"]),
        recovered=found["recovered"],
        looks=found["looks"],
        seen=found["seen"],
        simulated_looks=found["simulated_looks"],
        needed=[row | price_needed(study, trainings, row) for row in found["needed"]],
    )


def build_reached(found: dict) -> list[dict]:
    """Add to each row of `reached` the run's first metric at its point there, or where it began beyond."""
    rows = {(row["run"], row["task"], row["point"]): row for row in reversed(found["followed"]) if row["summary"]}
    return [row | {"at": rows[row["run"], row["task"], row["point"] or 0]} for row in found["reached"]]


def build_table(study: Study, columns: Iterable[tables.Column], rows: list[dict]) -> Table:
    """Build a table of the page, without the seed where all runs have the same one."""
    without = () if len(study.seeds) > 1 else ("seed",)
    return Table(columns=tables.list_columns(columns, tables.PAGE, without), rows=rows)


def build_doubts(
    study: StudyFolder, found: dict, results: ResultsChapter, trainings: dict, data_cards: dict
) -> DoubtsChapter:
    """Build the chapter of what limits the numbers."""
    return DoubtsChapter(
        facts=facts.build_facts(study, results.find, trainings, data_cards),
        contamination=cautions.build_contamination(found, results.cells, results.pairs),
        starved=found["starved"],
        sameness=found["sameness"],
        degenerate=cautions.list_degenerate(study, found["sameness"]),
        identical=facts.list_identical(study),
        still=facts.list_still(study, results.find),
        repeats=found["repeats"],
        parts=found["parts"],
        known=found["known"],
    )


def build_methods(study: StudyFolder, trainings: dict, makers: list[dict]) -> MethodsChapter:
    """Build the chapter of models, methods and settings."""
    first = {run: trainings[run, seed] for run, seed in trainings if seed == study.list_seeds(run)[0]}
    return MethodsChapter(
        models=[build_model(study, model) for model in study.spec["models"]],
        methods=[method for name, method in METHODS.items() if study.list_runs(name)],
        fairness=cautions.build_fairness(study, trainings),
        settings=settings.build_settings(study, first),
        unused_epochs=settings.list_unused_epochs(study),
        makers=makers,
        config=settings.write_config(study),
    )


def build_files(study: StudyFolder) -> Files:
    """Name each kind of file as seen from the project's root."""
    root = study.root
    runs = study.name(root / "runs") + "/{run}/seed{seed}"
    return Files(
        report=study.name(root / "report.html"),
        table=study.name(study.results_file),
        row=study.results_file.name,
        overlap=study.name(root / "overlap.json"),
        tables=study.name(root / "tables"),
        figures=study.name(root / "figures"),
        history=f"{runs}/history.jsonl",
        training=f"{runs}/training.json",
        completions=f"{runs}/completions.parquet",
        samples=study.name(root / "samples") + "/{samples}/seed{seed}/summary.json",
        choice=f"{runs}/choice.json",
        tuning=study.name(root / "tuning") + "/{run}/choice.json",
        answers=f"{runs}/{{task}}/answers.jsonl",
        scores=f"{runs}/{{task}}/scores.jsonl",
        logs=study.name(root / LOGS),
    )


def build_run(study: Study, run: str) -> Run:
    """Describe a run."""
    spec = study.run(run)
    return Run(
        name=run,
        label=spec["label"],
        method=spec["method"],
        colour=find_colour(study, run),
        seeds=study.list_seeds(run),
        dataset=spec.get("dataset"),
        model=spec["model"],
        control=is_control(spec),
    )


def is_control(spec: dict) -> bool:
    """Tell whether a run is taught what is no skill, so that others can be compared with it."""
    rewards = spec.get("rewards")
    if "shuffled" in (spec.get("pairs", {}).get("labels"), spec.get("labels")):
        return True
    if not rewards:
        return False
    skilled = {"correctness", *rewards.get("functions", ())}  # a function of the user's own may reward a skill
    return skilled.isdisjoint(rewards["weights"]) or rewards.get("shuffle_gold", False)


def build_task(study: StudyFolder, task: str, find: dict, data_cards: dict, paired: bool) -> Task:
    """Describe a task with the tables of its results; `find` is that of `ResultsChapter`."""
    spec = study.task(task)
    run, seed = study.list_arms()[0]
    generation = {} if study.is_imported else study.load(study.task_file(run, seed, task, "generation.json"))
    measured = {metric for (_, _, name, metric) in find if name == task}
    headlines = list_headlines(spec, paired)
    n = {row["n"] for (_, _, name, metric), row in find.items() if (name, metric) == (task, FIRST[spec["kind"]])}

    def build(metrics: list[str], arms: list[tuple[str, int | None]]) -> Table:
        return Table(
            columns=tables.list_columns(
                tables.list_main_columns(metrics), tables.PAGE, ("seed",) if arms is means else ()
            ),
            rows=[tables.build_main_row(study, find, *arm, task, metrics) for arm in arms],
        )

    means = [(name, tables.find_summary_seed(study, name)) for name in study.runs]
    return Task(
        label=spec["label"],
        kind=spec["kind"],
        dataset=spec["dataset"],
        synthetic=spec["dataset"] in data_cards and data_cards[spec["dataset"]]["synthetic"],
        paired=paired,
        n=max(n),
        fewer=min(n) if len(n) > 1 else None,
        headlines=headlines,
        main_table=build(headlines, means),
        other_table=build([name for name in METRICS if name in measured and name not in (*headlines, "kl")], means),
        sampled_table=build(list_sampled(spec), means),
        seed_table=build(headlines, study.list_arms(filter(study.has_spread, study.runs))),
        generation={
            name: settings.render_setting(value)
            for name, value in generation.get("generation", {}).items()
            if value is not None  # the file lists all that transformers knows; what is off has no value
        },
        rendered_example=generation.get("rendered_example"),
        example_of=run,
    )


def order_metrics(find: dict) -> list[str]:
    """List every metric that was measured: those with a definition of their own, then those of drawn answers."""
    measured = dict.fromkeys(metric for (_, _, _, metric) in find)
    return [name for name in METRICS if name in measured] + [name for name in measured if name not in METRICS]


def build_cells(study: Study, find: dict) -> dict[tuple[str, str, str], dict]:
    """Choose the row that stands for a run in a table: the mean over its seeds where it has several."""
    chosen = {run: tables.find_summary_seed(study, run) for run in study.runs}
    return {(run, task, metric): row for (run, seed, task, metric), row in find.items() if seed == chosen[run]}


def build_model(study: StudyFolder, model: str) -> Model:
    """Describe a model; a local folder goes by its name alone."""
    source, card = study.spec["models"][model], study.load(study.model_file(model, "card.json"))
    return Model(
        name=model,
        source=source | ({"path": Path(source["path"]).name} if source["source"] == "local" else {}),
        revision=card["revision"],
        licence=card["licence"],
        bytes=card["bytes"],
        files=card["files"],
        file=study.name(study.model_file(model, "card.json")),
        precision=study.load(study.model_file(model, "precision.json")),
        precision_figures=study.load(study.model_file(model, "precision_figures.json")),
        positions=study.load(study.model_file(model, "positions.json")),
    )
