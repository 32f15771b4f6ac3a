rule generate_answers:
    """Answer a task's held-out questions with one run's model."""
    input:
        card=lambda wildcards: model_card(measured_arm(wildcards)[0]),
        precision=lambda wildcards: model_precision(measured_arm(wildcards)[0]),
        template=lambda wildcards: model_template(measured_arm(wildcards)[0]),
        references=lambda wildcards: task_rows(wildcards.task),
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
        facts=lambda wildcards: task_facts(wildcards, "generate_answers.py", RUN_PACKAGES, {"generation"}),
        spec=lambda wildcards: CFG.tasks[wildcards.task].generation,
        first=count_asked,
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
        facts=lambda wildcards: repeat_facts(
            wildcards, "generation", task_facts(wildcards, "generate_answers.py", RUN_PACKAGES, {"generation"})
        ),
        first=count_repeated,
        spec=lambda wildcards: SLICES.repeated_task(wildcards.repeat, wildcards.task).generation,


rule measure_loss:
    """Measure one run's loss on the assistant's tokens of a task's held-out rows, and on the answers that pairs reject."""
    input:
        card=lambda wildcards: model_card(measured_arm(wildcards)[0]),
        precision=lambda wildcards: model_precision(measured_arm(wildcards)[0]),
        template=lambda wildcards: model_template(measured_arm(wildcards)[0]),
        references=lambda wildcards: task_rows(wildcards.task),
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
        facts=lambda wildcards: task_facts(wildcards, "measure_loss.py", RUN_PACKAGES, {"loss_batch_size"}),
        batch_size=lambda wildcards: CFG.tasks[wildcards.task].loss_batch_size,
        first=count_asked,
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
        facts=lambda wildcards: repeat_facts(
            wildcards, "loss", task_facts(wildcards, "measure_loss.py", RUN_PACKAGES, {"loss_batch_size"})
        ),
        first=count_repeated,
        batch_size=lambda wildcards: SLICES.repeated_task(wildcards.repeat, wildcards.task).loss_batch_size,


rule measure_drift:
    """Measure how far one run's training moved its model away from the base."""
    input:
        card=lambda wildcards: model_card(wildcards.run),
        precision=lambda wildcards: model_precision(wildcards.run),
        template=lambda wildcards: model_template(wildcards.run),
        references=lambda wildcards: [task_rows(task) for task in SLICES.drift["tasks"]],
        weights=lambda wildcards: weights_of(wildcards.run, wildcards.seed),
        texts=lambda wildcards: local([file for file in SLICES.drift["texts"] if Path(file).is_file()]),
    output:
        drift="<results>/runs/{run}/seed{seed}/drift.jsonl",
    log:
        "<logs>/measure_drift/{run}_seed{seed}.log",
    benchmark:
        "<benchmarks>/measure_drift/{run}_seed{seed}.jsonl"
    wildcard_constraints:
        run=only([*CFG.runs, *CFG.waypoints] if CFG.drift else []),
    conda:
        "../envs/train.yaml"
    threads: HALF_OF_CORES
    resources:
        **CLAIMS,
        gpu=GPUS,
    params:
        facts=lambda wildcards: stage_facts("drift", SLICES.drift, "measure_drift.py", RUN_PACKAGES),
        spec=CFG.drift,
        tasks=lambda wildcards: SLICES.drift["tasks"],
    script:
        "../scripts/measure_drift.py"


rule score_answers:
    """Score one run's answers to one task against the references."""
    input:
        answers="<results>/runs/{run}/seed{seed}/{task}/answers.jsonl",
        references=lambda wildcards: task_rows(wildcards.task),
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
        facts=lambda wildcards: scoring_facts(wildcards, "score_answers.py", ["rouge-score", "sacrebleu"]),
        functions=lambda wildcards: list_judges(CFG, wildcards.task),
        spec=lambda wildcards: CFG.tasks[wildcards.task],
        first=count_asked,
    script:
        "../scripts/score_answers.py"


use rule score_answers as score_repeats with:
    input:
        answers="<results>/noise/{repeat}/{task}/answers.jsonl",
        references=lambda wildcards: task_rows(wildcards.task),
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
        first=count_repeated,
