# Names the files that rules hand to each other. No rule in here.

from tunelab.config.metrics import is_sampled
from tunelab.config.trials import find_selecting
from tunelab.layout import Layout

# `<results>` stands for the study's own folder in all paths of rules
LAYOUT = Layout("<results>")


def model_card(run):
    return model_card_of(CFG.runs[CFG.find_trained(run)].model)


def model_card_of(model):
    return str(LAYOUT.model_file(model, "card.json"))


def model_precision(run):
    return str(LAYOUT.model_file(CFG.runs[CFG.find_trained(run)].model, "precision.json"))


def model_modules(wildcards):
    return str(LAYOUT.model_file(CFG.runs[wildcards.run].model, "modules.json"))


def model_template(run):
    return str(LAYOUT.model_file(CFG.runs[CFG.find_trained(run)].model, "chat_template.jinja"))


def weights_of(run, seed):
    """List the files that a run publishes: none for the untouched model, else weights and their config."""
    trained = CFG.find_trained(run)
    if CFG.runs[trained].method == "base":
        return []
    return list(map(str, LAYOUT.weights_files(run, seed, CFG.keeps_adapter(trained))))


def start_weights(wildcards):
    """List what the run's `init_from` publishes for the same seed, if it has one."""
    source = CFG.runs[wildcards.run].init_from
    return weights_of(source, wildcards.seed) if source else []


def consumed_before(wildcards):
    """List, where there is a budget, what tells the consumption of all that a run begins from."""
    if CFG.find_budget(wildcards.run) is None:
        return []
    found, seed = [], wildcards.seed
    for name in CFG.list_behind([wildcards.run]):
        run = CFG.runs[name]
        if name in CFG.trained and name != wildcards.run:
            found.append(LAYOUT.run_file(name, seed, "training.json"))
        if samples := getattr(run, "samples", None):
            found.append(LAYOUT.samples_file(samples, CFG.find_drawn_seed(samples, seed), "summary.json"))
    return sorted(set(map(str, found)))


def teacher_weights(wildcards):
    """List what the run's teacher publishes for the same seed; nothing of an untouched model."""
    teacher, _ = CFG.find_teacher(wildcards.run)
    return weights_of(teacher, wildcards.seed) if teacher else []


def teacher_vocabulary(wildcards):
    """Name the proof that a teacher of another model has the vocabulary of the run's own."""
    own, (_, other) = CFG.runs[wildcards.run].model, CFG.find_teacher(wildcards.run)
    return str(LAYOUT.model_file(own, f"vocabulary_of_{other}.json")) if other != own else []


def rows_to_learn(wildcards, split):
    """Name what a run learns from: rows of its data set, or, to train on, those chosen among drawn answers."""
    run = wildcards.run
    if split == "train" and run in CFG.learners:
        return "<results>/runs/{run}/seed{seed}/train_dataset.json"
    tuned = run in CFG.selections or run in CFG.trials
    if split == "validation" and tuned and CFG.runs[run].dataset in CFG.divided:
        split = "checkpoint"
    return str(LAYOUT.dataset_file(CFG.runs[run].dataset, f"{split}_dataset.json"))


def training_rows(dataset):
    return str(LAYOUT.dataset_file(dataset, "train_dataset.json"))


def drawn_samples(run, seed):
    samples = CFG.runs[run].samples
    return str(LAYOUT.samples_file(samples, CFG.find_drawn_seed(samples, seed), "samples.parquet"))


def task_rows(task):
    """Name the held-out rows that a task asks: those for tests, or those by which settings are chosen."""
    dataset, split = CFG.tasks[task].dataset, "test"
    if task in CFG.selections.values():
        split = "selection" if dataset in CFG.divided else "validation"
    return str(LAYOUT.dataset_file(dataset, f"{split}_dataset.json"))


def chosen_settings(wildcards):
    """Name the file of the settings that were chosen for a run, if it is tuned."""
    return [str(LAYOUT.tuning_file(wildcards.run, "settings.json"))] if wildcards.run in CFG.selections else []


def per_trial(name, run, task=""):
    """List a file of each trial of a run and each seed of trials, or of its answers to a task."""
    trials = [trial for trial, spec in CFG.trials.items() if spec.run == run]
    return [str(LAYOUT.run_file(trial, seed, task) / name) for trial in trials for seed in CFG.tuning.seeds]


def trial_scores(run):
    """List the files with the values by which a run's trials are compared."""
    metric = find_selecting(CFG, run)
    files = ["losses.jsonl"] if metric == "loss" else ["scores.jsonl"]
    files += ["sample_scores.jsonl"] if is_sampled(metric) else []
    return [path for name in files for path in per_trial(name, run, CFG.selections[run])]


def measured_arm(wildcards):
    """Return the run and seed whose weights a job measures: its wildcards', or those that the noise section repeats."""
    return (wildcards.run, wildcards.seed) if "run" in wildcards.keys() else CFG.repeated_arm


def per_arm(pattern, runs=STUDY.runs, tasks=STUDY.tasks):
    """Expand a path's {run}, {seed} (and {task}) over runs of the study."""
    return [
        pattern.replace("{run}", run).replace("{seed}", str(seed)).replace("{task}", task)
        for run, seed in STUDY.list_arms(runs)
        for task in (tasks if "{task}" in pattern else [""])
    ]
