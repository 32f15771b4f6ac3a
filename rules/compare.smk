rule measure_overlap:
    """Find the test rows of every task that stand in the training data of any run, as they are, in part, or nearly."""
    input:
        learnt=[
            f"<results>/datasets/{dataset}/{split}_dataset.json"
            for dataset in Study(SLICES.learnt).list_learnt()
            for split in ("train", "validation")
        ],
        asked=[task_rows(task) for task in CFG.study.tasks],
    output:
        overlap="<results>/overlap.json",
    log:
        "<logs>/measure_overlap.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        facts=lambda wildcards: stage_facts("", SLICES.learnt, "measure_overlap.py", ["numpy", "scipy"]),
        results=lambda wildcards: CFG.study.results,
        study=SLICES.learnt,
    script:
        "../scripts/measure_overlap.py"


rule compare_methods:
    """Compare the runs of a study: every metric with its interval, every difference with its tests, and what training cost."""
    input:
        scores=per_arm("<results>/runs/{run}/seed{seed}/{task}/scores.jsonl"),
        answers=per_arm("<results>/runs/{run}/seed{seed}/{task}/answers.jsonl"),
        references=sorted({task_rows(task) for task in CFG.study.tasks}),
        losses=per_arm("<results>/runs/{run}/seed{seed}/{task}/losses.jsonl"),
        drift=per_arm("<results>/runs/{run}/seed{seed}/drift.jsonl") if CFG.drift else [],
        samples=per_arm("<results>/runs/{run}/seed{seed}/{task}/sample_scores.jsonl", tasks=SAMPLED),
        repeats=per_repeat("<results>/noise/{repeat}/{task}/scores.jsonl"),
        repeated_losses=per_repeat("<results>/noise/{repeat}/{task}/losses.jsonl"),
        costs=per_arm("<results>/runs/{run}/seed{seed}/training.json", runs=STUDY.list_trained()),
        drawings=drawing_summaries(),
        tuned=tuning_choices(),
        followed=followed_files(),
        rates=[f"<results>/models/{model}/precision_figures.json" for model in SLICES.whole["models"]],
        data_cards=[f"<results>/datasets/{name}/data_card.json" for name in SLICES.whole["datasets"]],
        published=own("reports/known_results.yaml"),
        overlap="<results>/overlap.json",
        simulated=own("reports/coverage.json"),
        simulated_looks=own("reports/looks.json"),
    output:
        table=report("<results>/results.json", caption="../reports/captions/results.rst", category="Comparison"),
        main_csv=report("<results>/tables/main.csv", caption="../reports/captions/tables.rst", category="Comparison"),
        estimates_csv="<results>/tables/estimates.csv",
        contrasts_csv=report(
            "<results>/tables/contrasts.csv", caption="../reports/captions/tables.rst", category="Comparison"
        ),
        cost_csv=report("<results>/tables/cost.csv", caption="../reports/captions/tables.rst", category="Comparison"),
        consumed_csv="<results>/tables/consumed.csv",
    log:
        "<logs>/compare_methods.log",
    benchmark:
        "<benchmarks>/compare_methods.jsonl"
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        facts=lambda wildcards: stage_facts("", SLICES.compared, "compare_methods.py", ["numpy", "scipy", "pydantic"]),
        results=lambda wildcards: CFG.study.results,
        study=SLICES.compared,
        partial=bool(LACKING),
    script:
        "../scripts/compare_methods.py"
