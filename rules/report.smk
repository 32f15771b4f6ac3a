rule plot_tasks:
    input:
        table="<results>/comparison/results.json",
    output:
        figure="<results>/figures/tasks.svg",
    log:
        "<logs>/plot_tasks.log",
    conda:
        "../envs/report.yaml"
    params:
        *track(lambda: study_facts(DRAWN_TASKS, "plot_tasks.py", ["matplotlib", "seaborn"]), [()]),
        results=untracked(CFG.study.results),
        study=untracked(DRAWN_TASKS),
    script:
        "../scripts/plot_tasks.py"


rule plot_learning_curves:
    input:
        histories=per_arm("<results>/runs/{run}/seed{seed}/history.jsonl", methods=("sft",)),
    output:
        figure="<results>/figures/learning_curves.svg",
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
        figure="<results>/figures/rewards.svg",
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


rule render_report:
    input:
        table="<results>/comparison/results.json",
        figures=study_figures(),
        answers=per_arm("<results>/runs/{run}/seed{seed}/{task}/answers.jsonl"),
        generation=per_arm("<results>/runs/{run}/seed{seed}/{task}/generation.json"),
        scores=per_arm("<results>/runs/{run}/seed{seed}/{task}/scores.jsonl"),
        costs=per_arm("<results>/runs/{run}/seed{seed}/training.json", methods=("sft", "grpo")),
        completions=per_arm("<results>/runs/{run}/seed{seed}/completions.parquet", methods=("grpo",)),
        models=[f"<results>/models/{name}/card.json" for name in CFG.describe_study()["models"]],
        datasets=[
            f"<results>/datasets/{name}/{file}"
            for name in CFG.describe_study()["datasets"]
            for file in ("card.json", "data_card.json", "test_dataset.json")
        ],
        tokens=study_tokens(),
        templates=report_templates(),
    output:
        report="<results>/report.html",
    log:
        "<logs>/render_report.log",
    conda:
        "../envs/report.yaml"
    params:
        *track(lambda: study_facts(WHOLE_STUDY, "render_report.py", ["jinja2", "markupsafe"]), [()]),
        results=untracked(CFG.study.results),
        study=untracked(WHOLE_STUDY),
    script:
        "../scripts/render_report.py"
