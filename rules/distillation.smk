rule check_vocabulary:
    """See whether a teacher of another model has the vocabulary of the model that it teaches, before any hour of work."""
    input:
        card=lambda wildcards: model_card_of(wildcards.model),
        teacher_card=lambda wildcards: model_card_of(wildcards.teacher),
    output:
        vocabulary="<results>/models/{model}/vocabulary_of_{teacher}.json",
    log:
        "<logs>/check_vocabulary/{model}_{teacher}.log",
    benchmark:
        "<benchmarks>/check_vocabulary/{model}_{teacher}.jsonl"
    wildcard_constraints:
        teacher=only(CFG.models),
    priority: EARLY
    localrule: True
    conda:
        "../envs/train.yaml"
    params:
        facts=lambda wildcards: stage_facts("", None, "check_vocabulary.py", ["transformers", "tokenizers"]),
    script:
        "../scripts/check_vocabulary.py"


rule train_distillation:
    """Train a model on its own answers towards a teacher's probs for each token (on-policy distillation)."""
    input:
        card=lambda wildcards: model_card(wildcards.run),
        precision=lambda wildcards: model_precision(wildcards.run),
        modules=model_modules,
        template=lambda wildcards: model_template(wildcards.run),
        train=lambda wildcards: rows_to_learn(wildcards, "train"),
        start=start_weights,
        settings=chosen_settings,
        consumed=consumed_before,
        teacher_card=lambda wildcards: model_card_of(CFG.find_teacher(wildcards.run)[1]),
        teacher=teacher_weights,
        vocabulary=teacher_vocabulary,
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
        run=only(CFG.list_trained("distillation", adapter=True)),
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
        "../scripts/train_distillation.py"


use rule train_distillation as train_distillation_model with:
    output:
        weights="<results>/runs/{run}/seed{seed}/model/model.safetensors",
        config="<results>/runs/{run}/seed{seed}/model/config.json",
        learnt_template="<results>/runs/{run}/seed{seed}/model/chat_template.jinja",
        history="<results>/runs/{run}/seed{seed}/history.jsonl",
        summary="<results>/runs/{run}/seed{seed}/training.json",
        tensorboard=directory("<results>/runs/{run}/seed{seed}/tensorboard"),
        points=directory("<results>/runs/{run}/seed{seed}/points"),
    wildcard_constraints:
        run=only(CFG.list_trained("distillation", adapter=False)),
