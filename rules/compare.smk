def described_study(wildcards, input):
    """Return the study as plain values. It names `input`, so Snakemake leaves the comparing to the facts."""
    return CFG.describe_study()


def study_facts(script, packages):
    return stage_facts("", CFG.describe_study(), script, packages)


def per_arm(pattern, methods=("base", "sft", "grpo")):
    """Expand a path's {run}, {seed} (and {task}) over the study's runs of these methods."""
    tasks = CFG.study.tasks if "{task}" in pattern else [""]
    return [
        pattern.replace("{run}", run).replace("{seed}", str(seed)).replace("{task}", task)
        for run, seed in CFG.arms
        if CFG.runs[run].method in methods
        for task in tasks
    ]


rule compare_methods:
    input:
        scores=per_arm("<results>/runs/{run}/seed{seed}/{task}/scores.jsonl"),
        losses=per_arm("<results>/runs/{run}/seed{seed}/{task}/losses.jsonl"),
        costs=per_arm("<results>/runs/{run}/seed{seed}/training.json", methods=("sft", "grpo")),
    output:
        table="<results>/comparison/results.json",
        main_csv="<results>/tables/main.csv",
        cost_csv="<results>/tables/cost.csv",
    log:
        "<logs>/compare_methods.log",
    benchmark:
        "<benchmarks>/compare_methods.jsonl"
    params:
        *track(lambda: study_facts("compare_methods.py", ["numpy", "scipy", "statsmodels"]), [()]),
        results=CFG.study.results,
        study=described_study,
    conda:
        "../envs/report.yaml"
    script:
        "../scripts/compare_methods.py"
