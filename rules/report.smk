rule plot_tasks:
    input:
        table="<results>/results.json",
    output:
        figure=report("<results>/figures/tasks.svg", caption="../reports/captions/tasks.rst", category="Figures"),
        pdf="<results>/figures/tasks.pdf",
    log:
        "<logs>/plot_tasks.log",
    conda:
        "../envs/report.yaml"
    params:
        *track(lambda: study_facts(LABELS, "plot_tasks.py", ["matplotlib", "seaborn"]), [()]),
        results=untracked(CFG.study.results),
        study=untracked(LABELS),
    script:
        "../scripts/plot_tasks.py"


rule plot_contrasts:
    input:
        table="<results>/results.json",
    output:
        figure=report(
            "<results>/figures/contrasts.svg", caption="../reports/captions/contrasts.rst", category="Figures"
        ),
        pdf="<results>/figures/contrasts.pdf",
    log:
        "<logs>/plot_contrasts.log",
    conda:
        "../envs/report.yaml"
    params:
        *track(lambda: study_facts(LABELS, "plot_contrasts.py", ["matplotlib", "seaborn"]), [()]),
        results=untracked(CFG.study.results),
        study=untracked(LABELS),
    script:
        "../scripts/plot_contrasts.py"


rule plot_gains:
    input:
        table="<results>/results.json",
    output:
        figure=report("<results>/figures/gains.svg", caption="../reports/captions/gains.rst", category="Figures"),
        pdf="<results>/figures/gains.pdf",
    log:
        "<logs>/plot_gains.log",
    conda:
        "../envs/report.yaml"
    params:
        *track(lambda: study_facts(LABELS, "plot_gains.py", ["matplotlib", "seaborn"]), [()]),
        results=untracked(CFG.study.results),
        study=untracked(LABELS),
    script:
        "../scripts/plot_gains.py"


rule plot_costs:
    input:
        table="<results>/results.json",
        costs=per_arm("<results>/runs/{run}/seed{seed}/training.json", methods=("sft", "grpo")),
    output:
        figure=report("<results>/figures/costs.svg", caption="../reports/captions/costs.rst", category="Figures"),
        pdf="<results>/figures/costs.pdf",
    log:
        "<logs>/plot_costs.log",
    conda:
        "../envs/report.yaml"
    params:
        *track(lambda: study_facts(DRAWN_COSTS, "plot_costs.py", ["matplotlib", "seaborn"]), [()]),
        results=untracked(CFG.study.results),
        study=untracked(DRAWN_COSTS),
    script:
        "../scripts/plot_costs.py"


rule plot_learning_curves:
    input:
        histories=per_arm("<results>/runs/{run}/seed{seed}/history.jsonl", methods=("sft",)),
    output:
        figure=report(
            "<results>/figures/learning_curves.svg",
            caption="../reports/captions/learning_curves.rst",
            category="Figures",
        ),
        pdf="<results>/figures/learning_curves.pdf",
    log:
        "<logs>/plot_learning_curves.log",
    conda:
        "../envs/report.yaml"
    params:
        *track(lambda: study_facts(DRAWN_CURVES, "plot_learning_curves.py", ["matplotlib", "seaborn"]), [()]),
        results=untracked(CFG.study.results),
        study=untracked(DRAWN_CURVES),
    script:
        "../scripts/plot_learning_curves.py"


rule plot_rewards:
    input:
        histories=per_arm("<results>/runs/{run}/seed{seed}/history.jsonl", methods=("grpo",)),
    output:
        figure=report("<results>/figures/rewards.svg", caption="../reports/captions/rewards.rst", category="Figures"),
        pdf="<results>/figures/rewards.pdf",
    log:
        "<logs>/plot_rewards.log",
    conda:
        "../envs/report.yaml"
    params:
        *track(lambda: study_facts(DRAWN_REWARDS, "plot_rewards.py", ["matplotlib", "seaborn"]), [()]),
        results=untracked(CFG.study.results),
        study=untracked(DRAWN_REWARDS),
    script:
        "../scripts/plot_rewards.py"


rule render_tables:
    input:
        table="<results>/results.json",
    output:
        main_tex="<results>/tables/main.tex",
        contrasts_tex="<results>/tables/contrasts.tex",
    log:
        "<logs>/render_tables.log",
    conda:
        "../envs/report.yaml"
    params:
        *track(lambda: study_facts(LABELS, "render_tables.py", ["pandas"]), [()]),
        results=untracked(CFG.study.results),
        study=untracked(LABELS),
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
        costs=per_arm("<results>/runs/{run}/seed{seed}/training.json", methods=("sft", "grpo")),
        completions=per_arm("<results>/runs/{run}/seed{seed}/completions.parquet", methods=("grpo",)),
        models=[f"<results>/models/{name}/card.json" for name in WHOLE_STUDY["models"]],
        datasets=[
            f"<results>/datasets/{name}/{file}"
            for name in WHOLE_STUDY["datasets"]
            for file in ("card.json", "data_card.json", "test_dataset.json")
        ],
        tokens=study_tokens(),
        templates=report_templates(),
    output:
        report=report("<results>/report.html", caption="../reports/captions/report.rst", category="Comparison"),
    log:
        "<logs>/render_report.log",
    conda:
        "../envs/report.yaml"
    params:
        *track(lambda: study_facts(WHOLE_STUDY, "render_report.py", ["babel", "jinja2", "markupsafe"]), [()]),
        results=untracked(CFG.study.results),
        study=untracked(WHOLE_STUDY),
    script:
        "../scripts/render_report.py"
