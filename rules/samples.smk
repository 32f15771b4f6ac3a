rule draw_samples:
    """Draw several answers to each training question from what a run published, and score them."""
    input:
        card=lambda wildcards: model_card(CFG.samples[wildcards.samples].run),
        precision=lambda wildcards: model_precision(CFG.samples[wildcards.samples].run),
        template=lambda wildcards: model_template(CFG.samples[wildcards.samples].run),
        questions=lambda wildcards: training_rows(CFG.samples[wildcards.samples].dataset),
        weights=lambda wildcards: weights_of(CFG.samples[wildcards.samples].run, wildcards.seed),
    output:
        drawn="<results>/samples/{samples}/seed{seed}/samples.parquet",
        summary="<results>/samples/{samples}/seed{seed}/summary.json",
    log:
        "<logs>/draw_samples/{samples}_seed{seed}.log",
    benchmark:
        "<benchmarks>/draw_samples/{samples}_seed{seed}.jsonl"
    conda:
        "../envs/train.yaml"
    threads: THREADS
    resources:
        **CLAIMS,
        gpu=GPUS,
    params:
        facts=lambda wildcards: stage_facts(
            f"samples.{wildcards.samples}",
            SLICES.drawn(wildcards.samples),
            "draw_samples.py",
            [*RUN_PACKAGES, "numpy"],
            function_modules(list_rewards(CFG.samples[wildcards.samples])),
        ),
        functions=lambda wildcards: {"rewards": list_rewards(CFG.samples[wildcards.samples])},
        spec=lambda wildcards: CFG.samples[wildcards.samples],
    script:
        "../scripts/draw_samples.py"


rule choose_samples:
    """Choose, among drawn answers, the rows that a run learns from."""
    input:
        drawn=lambda wildcards: drawn_samples(wildcards.run, wildcards.seed),
        questions=lambda wildcards: training_rows(CFG.runs[wildcards.run].dataset),
    output:
        train="<results>/runs/{run}/seed{seed}/train_dataset.json",
        choice="<results>/runs/{run}/seed{seed}/choice.json",
    log:
        "<logs>/choose_samples/{run}_seed{seed}.log",
    benchmark:
        "<benchmarks>/choose_samples/{run}_seed{seed}.jsonl"
    wildcard_constraints:
        run=only(CFG.learners),
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        facts=lambda wildcards: stage_facts(f"runs.{wildcards.run}", SLICES.choice(wildcards.run), "choose_samples.py"),
        spec=lambda wildcards: CFG.runs[wildcards.run],
    script:
        "../scripts/choose_samples.py"
