rule generate_answers:
    input:
        card=lambda wildcards: model_card(wildcards.run),
        references=task_references,
        weights=lambda wildcards: weights_of(wildcards.run, wildcards.seed),
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
        gpu=GPUS,
    params:
        *track(
            lambda task: stage_facts(
                f"tasks.{task}.generation",
                CFG.tasks[task].generation,
                "generate_answers.py",
                RUN_PACKAGES,
            ),
            [(name,) for name in CFG.tasks],
        ),
        spec=lambda wildcards: CFG.tasks[wildcards.task].generation,
    script:
        "../scripts/generate_answers.py"


rule measure_loss:
    input:
        card=lambda wildcards: model_card(wildcards.run),
        references=task_references,
        weights=lambda wildcards: weights_of(wildcards.run, wildcards.seed),
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
        gpu=GPUS,
    params:
        *track(
            lambda task: stage_facts(
                f"tasks.{task}.loss_batch_size",
                CFG.tasks[task].loss_batch_size,
                "measure_loss.py",
                RUN_PACKAGES,
            ),
            [(name,) for name in CFG.tasks],
        ),
        batch_size=loss_batch_size,
    script:
        "../scripts/measure_loss.py"


rule score_answers:
    input:
        answers="<results>/runs/{run}/seed{seed}/{task}/answers.jsonl",
        references=task_references,
    output:
        scores="<results>/runs/{run}/seed{seed}/{task}/scores.jsonl",
        metrics="<results>/runs/{run}/seed{seed}/{task}/metrics.json",
    log:
        "<logs>/score_answers/{run}_seed{seed}_{task}.log",
    benchmark:
        "<benchmarks>/score_answers/{run}_seed{seed}_{task}.jsonl"
    conda:
        "../envs/report.yaml"
    params:
        *track(
            lambda task: stage_facts(
                f"tasks.{task}.kind", CFG.tasks[task].kind, "score_answers.py", ["rouge-score", "sacrebleu"]
            ),
            [(name,) for name in CFG.tasks],
        ),
        spec=lambda wildcards: CFG.tasks[wildcards.task],
    script:
        "../scripts/score_answers.py"
