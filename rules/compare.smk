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
    conda:
        "../envs/report.yaml"
    params:
        *track(lambda: study_facts(COMPARED, "compare_methods.py", ["numpy", "scipy", "statsmodels"]), [()]),
        results=untracked(CFG.study.results),
        study=untracked(COMPARED),
    script:
        "../scripts/compare_methods.py"
