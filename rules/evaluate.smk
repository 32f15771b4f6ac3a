def task_references(wildcards):
    return f"<results>/datasets/{CFG.tasks[wildcards.task].dataset}/test_dataset.json"


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
    threads: 16
    params:
        *track(
            lambda task: stage_facts(
                f"tasks.{task}.generation",
                CFG.tasks[task].generation,
                "generate_answers.py",
                ["torch", "transformers", "peft", "tokenizers"],
            ),
            [(name,) for name in CFG.tasks],
        ),
        spec=lambda wildcards: CFG.tasks[wildcards.task].generation,
    conda:
        "../envs/train.yaml"
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
    threads: 16
    params:
        *track(
            lambda task: stage_facts(
                f"tasks.{task}.loss_batch_size",
                CFG.tasks[task].loss_batch_size,
                "measure_loss.py",
                ["torch", "transformers", "peft", "tokenizers"],
            ),
            [(name,) for name in CFG.tasks],
        ),
        # named `input`, so Snakemake leaves it to the facts above to compare it
        batch_size=lambda wildcards, input: CFG.tasks[wildcards.task].loss_batch_size,
    conda:
        "../envs/train.yaml"
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
    params:
        *track(
            lambda task: stage_facts(
                f"tasks.{task}.kind", CFG.tasks[task].kind, "score_answers.py", ["rouge-score", "sacrebleu"]
            ),
            [(name,) for name in CFG.tasks],
        ),
        spec=lambda wildcards: CFG.tasks[wildcards.task],
    conda:
        "../envs/report.yaml"
    script:
        "../scripts/score_answers.py"
