TRAIN_PACKAGES = ["torch", "transformers", "trl", "peft", "accelerate", "tokenizers"]


def train_facts(run, seed):
    """A run's section without its display name; bitsandbytes matters only to quantised runs."""
    spec = CFG.runs[run]
    packages = [*TRAIN_PACKAGES, *(["bitsandbytes"] if spec.quantization else [])]
    section = spec.model_dump(mode="json", exclude={"label"}) | {"seed": seed}
    return stage_facts(f"runs.{run}", section, f"train_{spec.method}.py", packages)


def train_input(wildcards, split):
    return f"<results>/datasets/{CFG.runs[wildcards.run].dataset}/{split}_dataset.json"


rule train_sft:
    input:
        card=lambda wildcards: model_card(wildcards.run),
        train=lambda wildcards: train_input(wildcards, "train"),
        validation=lambda wildcards: train_input(wildcards, "validation"),
    output:
        weights="<results>/runs/{run}/seed{seed}/adapter/adapter_model.safetensors",
        config="<results>/runs/{run}/seed{seed}/adapter/adapter_config.json",
        readme="<results>/runs/{run}/seed{seed}/adapter/README.md",
        history="<results>/runs/{run}/seed{seed}/history.jsonl",
        summary="<results>/runs/{run}/seed{seed}/training.json",
        tensorboard=directory("<results>/runs/{run}/seed{seed}/tensorboard"),
    log:
        "<logs>/train/{run}_seed{seed}.log",
    benchmark:
        "<benchmarks>/train/{run}_seed{seed}.jsonl"
    wildcard_constraints:
        run=only(runs_of("sft", adapter=True)),
    threads: 16
    params:
        *track(train_facts, [(run, 0) for run in CFG.runs if CFG.runs[run].method == "sft"]),
        spec=lambda wildcards: CFG.runs[wildcards.run],
        checkpoints=lambda wildcards: f"work/{CFG.study.results}/{wildcards.run}/seed{wildcards.seed}",
    conda:
        "../envs/train.yaml"
    script:
        "../scripts/train_sft.py"


use rule train_sft as train_sft_model with:
    output:
        weights="<results>/runs/{run}/seed{seed}/model/model.safetensors",
        config="<results>/runs/{run}/seed{seed}/model/config.json",
        readme="<results>/runs/{run}/seed{seed}/model/README.md",
        history="<results>/runs/{run}/seed{seed}/history.jsonl",
        summary="<results>/runs/{run}/seed{seed}/training.json",
        tensorboard=directory("<results>/runs/{run}/seed{seed}/tensorboard"),
    wildcard_constraints:
        run=only(runs_of("sft", adapter=False)),


rule train_grpo:
    input:
        card=lambda wildcards: model_card(wildcards.run),
        train=lambda wildcards: train_input(wildcards, "train"),
        start=lambda wildcards: (
            weights_of(CFG.runs[wildcards.run].init_from, wildcards.seed) if CFG.runs[wildcards.run].init_from else []
        ),
    output:
        weights="<results>/runs/{run}/seed{seed}/adapter/adapter_model.safetensors",
        config="<results>/runs/{run}/seed{seed}/adapter/adapter_config.json",
        readme="<results>/runs/{run}/seed{seed}/adapter/README.md",
        history="<results>/runs/{run}/seed{seed}/history.jsonl",
        completions="<results>/runs/{run}/seed{seed}/completions.parquet",
        summary="<results>/runs/{run}/seed{seed}/training.json",
        tensorboard=directory("<results>/runs/{run}/seed{seed}/tensorboard"),
    log:
        "<logs>/train/{run}_seed{seed}.log",
    benchmark:
        "<benchmarks>/train/{run}_seed{seed}.jsonl"
    wildcard_constraints:
        run=only(runs_of("grpo", adapter=True)),
    threads: 16
    params:
        *track(train_facts, [(run, 0) for run in CFG.runs if CFG.runs[run].method == "grpo"]),
        spec=lambda wildcards: CFG.runs[wildcards.run],
        checkpoints=lambda wildcards: f"work/{CFG.study.results}/{wildcards.run}/seed{wildcards.seed}",
    conda:
        "../envs/train.yaml"
    script:
        "../scripts/train_grpo.py"


use rule train_grpo as train_grpo_model with:
    output:
        weights="<results>/runs/{run}/seed{seed}/model/model.safetensors",
        config="<results>/runs/{run}/seed{seed}/model/config.json",
        readme="<results>/runs/{run}/seed{seed}/model/README.md",
        history="<results>/runs/{run}/seed{seed}/history.jsonl",
        completions="<results>/runs/{run}/seed{seed}/completions.parquet",
        summary="<results>/runs/{run}/seed{seed}/training.json",
        tensorboard=directory("<results>/runs/{run}/seed{seed}/tensorboard"),
    wildcard_constraints:
        run=only(runs_of("grpo", adapter=False)),
