rule generate_answers:
    input:
        card=lambda wildcards: model_card(measured_arm(wildcards)[0]),
        precision=lambda wildcards: model_precision(measured_arm(wildcards)[0]),
        template=lambda wildcards: model_template(measured_arm(wildcards)[0]),
        references=lambda wildcards: test_rows(wildcards.task),
        weights=lambda wildcards: weights_of(*measured_arm(wildcards)),
    output:
        answers="<results>/runs/{run}/seed{seed}/{task}/answers.jsonl",
        generation="<results>/runs/{run}/seed{seed}/{task}/generation.json",
    log:
        "<logs>/generate_answers/{run}_seed{seed}_{task}.log",
    benchmark:
        "<benchmarks>/generate_answers/{run}_seed{seed}_{task}.jsonl"
    conda:
        "../envs/train.yaml"
    threads: HALF_OF_CORES
    resources:
        **CLAIMS,
        gpu=GPUS,
    params:
        *track(*task_facts("generate_answers.py", RUN_PACKAGES, {"generation"})),
        spec=lambda wildcards: CFG.tasks[wildcards.task].generation,
        rows=describe_asked,
        first=first_rows(),
    script:
        "../scripts/generate_answers.py"


use rule generate_answers as generate_repeats with:
    output:
        answers="<results>/noise/{repeat}/{task}/answers.jsonl",
        generation="<results>/noise/{repeat}/{task}/generation.json",
    log:
        "<logs>/generate_repeats/{repeat}_{task}.log",
    benchmark:
        "<benchmarks>/generate_repeats/{repeat}_{task}.jsonl"
    params:
        # a fact of its own, so that a repeat is never taken from what an equal job made before
        repeat=lambda wildcards: describe_repeat(wildcards, "generation"),
        first=first_rows(CFG.noise and CFG.noise.rows),
        spec=lambda wildcards: SLICES.repeated_task(wildcards.repeat, wildcards.task).generation,


rule measure_loss:
    input:
        card=lambda wildcards: model_card(measured_arm(wildcards)[0]),
        precision=lambda wildcards: model_precision(measured_arm(wildcards)[0]),
        template=lambda wildcards: model_template(measured_arm(wildcards)[0]),
        references=lambda wildcards: test_rows(wildcards.task),
        weights=lambda wildcards: weights_of(*measured_arm(wildcards)),
    output:
        losses="<results>/runs/{run}/seed{seed}/{task}/losses.jsonl",
    log:
        "<logs>/measure_loss/{run}_seed{seed}_{task}.log",
    benchmark:
        "<benchmarks>/measure_loss/{run}_seed{seed}_{task}.jsonl"
    conda:
        "../envs/train.yaml"
    threads: HALF_OF_CORES
    resources:
        **CLAIMS,
        gpu=GPUS,
    params:
        *track(*task_facts("measure_loss.py", RUN_PACKAGES, {"loss_batch_size"})),
        batch_size=lambda wildcards, input: CFG.tasks[wildcards.task].loss_batch_size,
        rows=describe_asked,
        first=first_rows(),
    script:
        "../scripts/measure_loss.py"


use rule measure_loss as measure_repeats with:
    output:
        losses="<results>/noise/{repeat}/{task}/losses.jsonl",
    log:
        "<logs>/measure_repeats/{repeat}_{task}.log",
    benchmark:
        "<benchmarks>/measure_repeats/{repeat}_{task}.jsonl"
    params:
        repeat=lambda wildcards: describe_repeat(wildcards, "loss"),
        first=first_rows(CFG.noise and CFG.noise.rows),
        batch_size=lambda wildcards, input: SLICES.repeated_task(wildcards.repeat, wildcards.task).loss_batch_size,


rule measure_drift:
    input:
        card=lambda wildcards: model_card(wildcards.run),
        precision=lambda wildcards: model_precision(wildcards.run),
        template=lambda wildcards: model_template(wildcards.run),
        references=lambda wildcards: [test_rows(task) for task in SLICES.drift["tasks"]],
        weights=lambda wildcards: weights_of(wildcards.run, wildcards.seed),
        texts=lambda wildcards: local([file for file in SLICES.drift["texts"] if Path(file).is_file()]),
    output:
        drift="<results>/runs/{run}/seed{seed}/drift.jsonl",
    log:
        "<logs>/measure_drift/{run}_seed{seed}.log",
    benchmark:
        "<benchmarks>/measure_drift/{run}_seed{seed}.jsonl"
    wildcard_constraints:
        run=only(CFG.runs if CFG.drift else []),
    conda:
        "../envs/train.yaml"
    threads: HALF_OF_CORES
    resources:
        **CLAIMS,
        gpu=GPUS,
    params:
        *track(lambda: stage_facts("drift", SLICES.drift, "measure_drift.py", RUN_PACKAGES), [()]),
        spec=CFG.drift,
        tasks=lambda wildcards, input: SLICES.drift["tasks"],
    script:
        "../scripts/measure_drift.py"


rule score_answers:
    input:
        answers="<results>/runs/{run}/seed{seed}/{task}/answers.jsonl",
        references=lambda wildcards: test_rows(wildcards.task),
    output:
        scores="<results>/runs/{run}/seed{seed}/{task}/scores.jsonl",
        metrics="<results>/runs/{run}/seed{seed}/{task}/metrics.json",
    log:
        "<logs>/score_answers/{run}_seed{seed}_{task}.log",
    benchmark:
        "<benchmarks>/score_answers/{run}_seed{seed}_{task}.jsonl"
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        *track(*scoring_facts("score_answers.py", ["rouge-score", "sacrebleu"])),
        functions=lambda wildcards, input: list_judges(CFG, wildcards.task),
        spec=lambda wildcards: CFG.tasks[wildcards.task],
        rows=describe_asked,
        first=first_rows(),
    script:
        "../scripts/score_answers.py"


use rule score_answers as score_repeats with:
    input:
        answers="<results>/noise/{repeat}/{task}/answers.jsonl",
        references=lambda wildcards: test_rows(wildcards.task),
    output:
        scores="<results>/noise/{repeat}/{task}/scores.jsonl",
        metrics="<results>/noise/{repeat}/{task}/metrics.json",
    log:
        "<logs>/score_repeats/{repeat}_{task}.log",
    benchmark:
        "<benchmarks>/score_repeats/{repeat}_{task}.jsonl"
    params:
        run=lambda wildcards: measured_arm(wildcards)[0],
        seed=lambda wildcards: measured_arm(wildcards)[1],
        first=first_rows(CFG.noise and CFG.noise.rows),
