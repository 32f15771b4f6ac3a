rule render_tables:
    input:
        table="<results>/results.json",
    output:
        main_tex="<results>/tables/main.tex",
        contrasts_tex="<results>/tables/contrasts.tex",
    log:
        "<logs>/render_tables.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        *track(lambda: stage_facts("", SLICES.labels, "render_tables.py", ["pandas"]), [()]),
        results=untracked(CFG.study.results),
        study=untracked(SLICES.labels),
    script:
        "../scripts/render_tables.py"


rule render_report:
    input:
        table="<results>/results.json",
        figures=study_figures(),
        answers=per_arm("<results>/runs/{run}/seed{seed}/{task}/answers.jsonl"),
        generation=per_arm("<results>/runs/{run}/seed{seed}/{task}/generation.json"),
        scores=per_arm("<results>/runs/{run}/seed{seed}/{task}/scores.jsonl"),
        samples=per_arm("<results>/runs/{run}/seed{seed}/{task}/sample_scores.jsonl", tasks=SAMPLED),
        costs=per_arm("<results>/runs/{run}/seed{seed}/training.json", runs=STUDY.list_trained()),
        completions=per_arm("<results>/runs/{run}/seed{seed}/completions.parquet", runs=STUDY.list_runs(*SAMPLING)),
        drawings=drawing_summaries(),
        choices=per_arm("<results>/runs/{run}/seed{seed}/choice.json", runs=STUDY.list_learners()),
        models=[
            f"<results>/models/{name}/{file}.json"
            for name in SLICES.whole["models"]
            for file in ("card", "precision", "precision_figures", "positions")
        ],
        datasets=[
            f"<results>/datasets/{name}/{file}"
            for name in SLICES.whole["datasets"]
            for file in ("card.json", "data_card.json", "test_dataset.json")
        ],
        tokens=study_tokens(),
        templates=report_templates(),
    output:
        report=report("<results>/report.html", caption="../reports/captions/report.rst", category="Comparison"),
    log:
        "<logs>/render_report.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        *track(
            lambda: stage_facts("", SLICES.whole | LACKING, "render_report.py", ["babel", "jinja2", "markupsafe"]),
            [()],
        ),
        results=untracked(CFG.study.results),
        study=untracked(SLICES.whole),
        partial=untracked(LACKING.get("partial")),
        makers=lambda wildcards: describe_rules(workflow.rules),
    script:
        "../scripts/render_report.py"
