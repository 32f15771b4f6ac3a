# What a rule's params are made of: the facts of its stage. No rule in here.

from tunelab.config.models import TRL as TRL_TEMPLATES
from tunelab.jobs.provenance import Facts, build_facts

TRAIN_PACKAGES = ["torch", "transformers", "trl", "peft", "accelerate", "tokenizers"]
RUN_PACKAGES = ["torch", "transformers", "peft", "tokenizers"]


def stage_facts(name, section, script, packages=(), modules=()):
    return build_facts(name, section, SCRIPTS / script, packages, modules)


# the rule of each kind of training, by what a method learns from
TRAINED_BY = {
    "answers": "train_sft",
    "pairs": "train_preferences",
    "labels": "train_preferences",
    "rewards": "train_grpo",
    "teacher": "train_distillation",
}


def train_facts(run, seed):
    """List what a training depends on; bitsandbytes matters only where it is used."""
    spec = CFG.runs[run]
    packages = [*TRAIN_PACKAGES, *(["bitsandbytes"] if spec.uses_bitsandbytes else [])]
    script = f"{TRAINED_BY[METHODS[spec.method].learns_from]}.py"
    # the script of preferences imports the file of the method
    trainer = [f"tunelab/training/{spec.method}.py"] if spec.method in PREFERENCES else []
    modules = (*trainer, *function_modules(list_rewards(spec)))
    facts = stage_facts(f"runs.{run}", SLICES.run(run) | {"seed": seed}, script, packages, modules)
    plan = CFG.plan_training(run)
    further = {
        # a trial that does not learn is a result, so no other run may take what it left
        "tuning.trial": plan.trial or None,
        "trajectory.points": plan.points or None,
        "study.budget": plan.budget and f"{plan.budget.limit:g} {plan.budget.axis}",
    }
    return Facts([*facts, *(f"{name} = {value}" for name, value in further.items() if value is not None)])


def task_facts(wildcards, script, packages, include, exclude=None):
    """List what a stage depends on that measures a run on a task: some fields of the task, and how many rows it asks."""
    section = SLICES.task(wildcards.task, include, exclude)
    return Facts([*stage_facts(f"tasks.{wildcards.task}", section, script, packages), *asked_facts(wildcards)])


def template_packages(model):
    """List the package that a bundled template comes from, if TRL brings it."""
    return ["trl"] if CFG.models[model].chat_template in TRL_TEMPLATES else []
