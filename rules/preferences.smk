rule train_preferences:
    """Train a model to prefer some answers to others: by pairs (DPO and the losses like it) or one by one (KTO)."""
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
        summary="<results>/runs/{run}/seed{seed}/training.json",
        tensorboard=directory("<results>/runs/{run}/seed{seed}/tensorboard"),
        points=directory("<results>/runs/{run}/seed{seed}/points"),
    log:
        "<logs>/train/{run}_seed{seed}.log",
    benchmark:
        "<benchmarks>/train/{run}_seed{seed}.jsonl"
    wildcard_constraints:
        run=only(CFG.list_trained(*PREFERENCES, adapter=True)),
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
        "../scripts/train_preferences.py"


use rule train_preferences as train_preferences_model with:
    output:
        weights="<results>/runs/{run}/seed{seed}/model/model.safetensors",
        config="<results>/runs/{run}/seed{seed}/model/config.json",
        learnt_template="<results>/runs/{run}/seed{seed}/model/chat_template.jinja",
        history="<results>/runs/{run}/seed{seed}/history.jsonl",
        summary="<results>/runs/{run}/seed{seed}/training.json",
        tensorboard=directory("<results>/runs/{run}/seed{seed}/tensorboard"),
        points=directory("<results>/runs/{run}/seed{seed}/points"),
    wildcard_constraints:
        run=only(CFG.list_trained(*PREFERENCES, adapter=False)),
