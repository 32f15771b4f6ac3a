rule train_sft:
    """Fine-tune a model on worked examples or plain texts: LoRA, QLoRA, prefix tuning, any other PEFT type, or all weights."""
    input:
        card=lambda wildcards: model_card(wildcards.run),
        precision=lambda wildcards: model_precision(wildcards.run),
        modules=model_modules,
        template=lambda wildcards: model_template(wildcards.run),
        train=lambda wildcards: rows_to_learn(wildcards, "train"),
        validation=lambda wildcards: rows_to_learn(wildcards, "validation"),
        start=start_weights,
        settings=chosen_settings,
        consumed=consumed_before,
    output:
        weights="<results>/runs/{run}/seed{seed}/adapter/adapter_model.safetensors",
        config="<results>/runs/{run}/seed{seed}/adapter/adapter_config.json",
        learnt_template="<results>/runs/{run}/seed{seed}/adapter/chat_template.jinja",
        history="<results>/runs/{run}/seed{seed}/history.jsonl",
        summary="<results>/runs/{run}/seed{seed}/training.json",
        tensorboard=directory("<results>/runs/{run}/seed{seed}/tensorboard"),
        points=directory("<results>/runs/{run}/seed{seed}/points"),
    log:
        "<logs>/train/{run}_seed{seed}.log",
    benchmark:
        "<benchmarks>/train/{run}_seed{seed}.jsonl"
    wildcard_constraints:
        run=only(CFG.list_trained("sft", adapter=True)),
    conda:
        "../envs/train.yaml"
    threads: THREADS
    resources:
        **CLAIMS,
        gpu=training_gpus,
    params:
        facts=lambda wildcards: train_facts(wildcards.run, wildcards.seed),
        spec=lambda wildcards: CFG.runs[wildcards.run],
        plan=lambda wildcards: CFG.plan_training(wildcards.run),
    script:
        "../scripts/train_sft.py"


use rule train_sft as train_sft_model with:
    output:
        weights="<results>/runs/{run}/seed{seed}/model/model.safetensors",
        config="<results>/runs/{run}/seed{seed}/model/config.json",
        learnt_template="<results>/runs/{run}/seed{seed}/model/chat_template.jinja",
        history="<results>/runs/{run}/seed{seed}/history.jsonl",
        summary="<results>/runs/{run}/seed{seed}/training.json",
        tensorboard=directory("<results>/runs/{run}/seed{seed}/tensorboard"),
        points=directory("<results>/runs/{run}/seed{seed}/points"),
    wildcard_constraints:
        run=only(CFG.list_trained("sft", adapter=False)),


rule train_grpo:
    """Train a model on checkable questions by group-relative policy optimisation (GRPO), or by REINFORCE leave-one-out."""
    input:
        card=lambda wildcards: model_card(wildcards.run),
        precision=lambda wildcards: model_precision(wildcards.run),
        modules=model_modules,
        template=lambda wildcards: model_template(wildcards.run),
        train=lambda wildcards: rows_to_learn(wildcards, "train"),
        start=start_weights,
        settings=chosen_settings,
        consumed=consumed_before,
    output:
        weights="<results>/runs/{run}/seed{seed}/adapter/adapter_model.safetensors",
        config="<results>/runs/{run}/seed{seed}/adapter/adapter_config.json",
        learnt_template="<results>/runs/{run}/seed{seed}/adapter/chat_template.jinja",
        history="<results>/runs/{run}/seed{seed}/history.jsonl",
        completions="<results>/runs/{run}/seed{seed}/completions.parquet",
        summary="<results>/runs/{run}/seed{seed}/training.json",
        tensorboard=directory("<results>/runs/{run}/seed{seed}/tensorboard"),
        points=directory("<results>/runs/{run}/seed{seed}/points"),
    log:
        "<logs>/train/{run}_seed{seed}.log",
    benchmark:
        "<benchmarks>/train/{run}_seed{seed}.jsonl"
    wildcard_constraints:
        run=only(CFG.list_trained(*REWARDED, adapter=True)),
    conda:
        "../envs/train.yaml"
    threads: THREADS
    resources:
        **CLAIMS,
        gpu=training_gpus,
    params:
        facts=lambda wildcards: train_facts(wildcards.run, wildcards.seed),
        functions=lambda wildcards: {"rewards": list_rewards(CFG.runs[wildcards.run])},
        spec=lambda wildcards: CFG.runs[wildcards.run],
        plan=lambda wildcards: CFG.plan_training(wildcards.run),
    script:
        "../scripts/train_grpo.py"


use rule train_grpo as train_grpo_model with:
    output:
        weights="<results>/runs/{run}/seed{seed}/model/model.safetensors",
        config="<results>/runs/{run}/seed{seed}/model/config.json",
        learnt_template="<results>/runs/{run}/seed{seed}/model/chat_template.jinja",
        history="<results>/runs/{run}/seed{seed}/history.jsonl",
        completions="<results>/runs/{run}/seed{seed}/completions.parquet",
        summary="<results>/runs/{run}/seed{seed}/training.json",
        tensorboard=directory("<results>/runs/{run}/seed{seed}/tensorboard"),
        points=directory("<results>/runs/{run}/seed{seed}/points"),
    wildcard_constraints:
        run=only(CFG.list_trained(*REWARDED, adapter=False)),


rule render_model_card:
    """Describe a trained adapter or model in the README that travels with it."""
    input:
        card=lambda wildcards: model_card(wildcards.run),
        summary="<results>/runs/{run}/seed{seed}/training.json",
        settings=chosen_settings,
    output:
        readme="<results>/runs/{run}/seed{seed}/{artefact}/README.md",
    log:
        "<logs>/render_model_card/{run}_seed{seed}_{artefact}.log",
    benchmark:
        "<benchmarks>/render_model_card/{run}_seed{seed}_{artefact}.jsonl"
    wildcard_constraints:
        run=only(CFG.trained),
        artefact="adapter|model",
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        facts=lambda wildcards: stage_facts(
            f"runs.{wildcards.run}", SLICES.carded(wildcards.run), "render_model_card.py", ["pyyaml"]
        ),
        spec=lambda wildcards: CFG.runs[wildcards.run],
    script:
        "../scripts/render_model_card.py"


rule check_merging:
    """See that PEFT can merge a run's adapter, before it is trained for a merged model that cannot be."""
    input:
        modules=model_modules,
    output:
        mergeable="<results>/runs/{run}/mergeable.json",
    log:
        "<logs>/check_merging/{run}.log",
    benchmark:
        "<benchmarks>/check_merging/{run}.jsonl"
    wildcard_constraints:
        run=only(filter(CFG.keeps_adapter, CFG.trained)),
    # before the training, which no merged model may come of
    priority: 1
    localrule: True
    conda:
        "../envs/train.yaml"
    params:
        facts=lambda wildcards: stage_facts(
            f"runs.{wildcards.run}.adapter",
            CFG.find_adapter(wildcards.run),
            "check_merging.py",
            ["torch", "transformers", "peft"],
        ),
        run=lambda wildcards: wildcards.run,
        adapter=lambda wildcards: CFG.find_adapter(wildcards.run),
    script:
        "../scripts/check_merging.py"


rule merge_adapter:
    """Merge a run's adapter into its base model, for programs that take whole models only."""
    input:
        mergeable="<results>/runs/{run}/mergeable.json",
        card=lambda wildcards: model_card(wildcards.run),
        template=lambda wildcards: model_template(wildcards.run),
        adapter=lambda wildcards: weights_of(wildcards.run, wildcards.seed),
        rows=lambda wildcards: rows_to_learn(wildcards, "validation"),
    output:
        weights="<results>/runs/{run}/seed{seed}/merged/model.safetensors",
        config="<results>/runs/{run}/seed{seed}/merged/config.json",
        parity="<results>/runs/{run}/seed{seed}/merge_parity.json",
    log:
        "<logs>/merge_adapter/{run}_seed{seed}.log",
    benchmark:
        "<benchmarks>/merge_adapter/{run}_seed{seed}.jsonl"
    wildcard_constraints:
        run=only(filter(CFG.keeps_adapter, CFG.trained)),
    conda:
        "../envs/train.yaml"
    threads: THREADS
    resources:
        **CLAIMS,
    params:
        facts=lambda wildcards: stage_facts("", None, "merge_adapter.py", ["torch", "transformers", "peft"]),
    script:
        "../scripts/merge_adapter.py"
