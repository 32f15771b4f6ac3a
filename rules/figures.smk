rule plot_tasks:
    """Draw the headline metrics of every run on every task, with intervals."""
    input:
        table="<results>/results.json",
        wording=study_wording(),
    output:
        figure=report("<results>/figures/tasks.svg", caption="../reports/captions/tasks.rst", category="Figures"),
        pdf="<results>/figures/tasks.pdf",
    log:
        "<logs>/plot_tasks.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        facts=lambda wildcards: stage_facts("", SLICES.labels, "plot_tasks.py", ["babel", "matplotlib", "seaborn"]),
        results=CFG.study.results,
        study=SLICES.labels,
    script:
        "../scripts/plot_tasks.py"


rule plot_contrasts:
    """Draw the declared differences between runs with their intervals and the margin of equivalence."""
    input:
        table="<results>/results.json",
        wording=study_wording(),
    output:
        figure=report(
            "<results>/figures/contrasts.svg", caption="../reports/captions/contrasts.rst", category="Figures"
        ),
        pdf="<results>/figures/contrasts.pdf",
    log:
        "<logs>/plot_contrasts.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        facts=lambda wildcards: stage_facts("", SLICES.labels, "plot_contrasts.py", ["babel", "matplotlib", "seaborn"]),
        results=CFG.study.results,
        study=SLICES.labels,
    script:
        "../scripts/plot_contrasts.py"


rule plot_gains:
    """Draw how much of each declared difference in strict accuracy is layout and how much is skill."""
    input:
        table="<results>/results.json",
        wording=study_wording(),
    output:
        figure=report("<results>/figures/gains.svg", caption="../reports/captions/gains.rst", category="Figures"),
        pdf="<results>/figures/gains.pdf",
    log:
        "<logs>/plot_gains.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        facts=lambda wildcards: stage_facts("", SLICES.labels, "plot_gains.py", ["babel", "matplotlib", "seaborn"]),
        results=CFG.study.results,
        study=SLICES.labels,
    script:
        "../scripts/plot_gains.py"


rule plot_costs:
    """Draw what each run cost against how good it became."""
    input:
        table="<results>/results.json",
        costs=per_arm("<results>/runs/{run}/seed{seed}/training.json", runs=STUDY.list_trained()),
        drawings=drawing_summaries(),
        wording=study_wording(),
    output:
        figure=report("<results>/figures/costs.svg", caption="../reports/captions/costs.rst", category="Figures"),
        pdf="<results>/figures/costs.pdf",
    log:
        "<logs>/plot_costs.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        facts=lambda wildcards: stage_facts("", SLICES.drawn_costs, "plot_costs.py", ["babel", "matplotlib", "seaborn"]),
        results=CFG.study.results,
        study=SLICES.drawn_costs,
    script:
        "../scripts/plot_costs.py"


rule plot_learning_curves:
    """Draw the learning curves of the supervised runs."""
    input:
        histories=per_arm("<results>/runs/{run}/seed{seed}/history.jsonl", runs=STUDY.list_runs("sft")),
        wording=study_wording(),
    output:
        figure=report(
            "<results>/figures/learning_curves.svg",
            caption="../reports/captions/learning_curves.rst",
            category="Figures",
        ),
        pdf="<results>/figures/learning_curves.pdf",
    log:
        "<logs>/plot_learning_curves.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        facts=lambda wildcards: stage_facts(
            "", SLICES.drawn_curves, "plot_learning_curves.py", ["babel", "matplotlib", "seaborn"]
        ),
        results=CFG.study.results,
        study=SLICES.drawn_curves,
    script:
        "../scripts/plot_learning_curves.py"


rule plot_rewards:
    """Draw rewards and training health of the GRPO runs."""
    input:
        histories=per_arm("<results>/runs/{run}/seed{seed}/history.jsonl", runs=STUDY.list_runs(*REWARDED)),
        wording=study_wording(),
    output:
        figure=report("<results>/figures/rewards.svg", caption="../reports/captions/rewards.rst", category="Figures"),
        pdf="<results>/figures/rewards.pdf",
    log:
        "<logs>/plot_rewards.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        facts=lambda wildcards: stage_facts(
            "", SLICES.drawn_rewards, "plot_rewards.py", ["babel", "matplotlib", "seaborn"]
        ),
        results=CFG.study.results,
        study=SLICES.drawn_rewards,
    script:
        "../scripts/plot_rewards.py"


rule plot_signals:
    """Draw losses and training health of runs that learn from preferences or from a teacher."""
    input:
        histories=per_arm("<results>/runs/{run}/seed{seed}/history.jsonl", runs=STUDY.list_runs(*SIGNALLING)),
        wording=study_wording(),
    output:
        figure=report("<results>/figures/signals.svg", caption="../reports/captions/signals.rst", category="Figures"),
        pdf="<results>/figures/signals.pdf",
    log:
        "<logs>/plot_signals.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        facts=lambda wildcards: stage_facts(
            "", SLICES.drawn_signals, "plot_signals.py", ["babel", "matplotlib", "seaborn"]
        ),
        results=CFG.study.results,
        study=SLICES.drawn_signals,
    script:
        "../scripts/plot_signals.py"


rule plot_forgetting:
    """Draw how good each run became against how far it moved from the untouched model."""
    input:
        table="<results>/results.json",
        wording=study_wording(),
    output:
        figure=report(
            "<results>/figures/forgetting.svg", caption="../reports/captions/forgetting.rst", category="Figures"
        ),
        pdf="<results>/figures/forgetting.pdf",
    log:
        "<logs>/plot_forgetting.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        facts=lambda wildcards: stage_facts(
            "", SLICES.drawn_forgetting, "plot_forgetting.py", ["babel", "matplotlib", "seaborn"]
        ),
        results=CFG.study.results,
        study=SLICES.drawn_forgetting,
    script:
        "../scripts/plot_forgetting.py"
