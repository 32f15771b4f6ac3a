"""What a figure shows, in a sentence: comparatives come from verdicts alone, all else is a fact of the files.

The sentences stand above the figures of the page, and in their PDF files. Where nothing supports one, the headline says
what is drawn. A claim names the metric that it stands on, and those on which the tests decide otherwise.
"""

from gettext import NullTranslations
from statistics import fmean

from tunelab.comparison.results import Results
from tunelab.config.study import Study
from tunelab.reporting.claims import MOST_NAMES, join_runs, join_sentences, name_task, tell_claims, tell_remark
from tunelab.reporting.findings import build_findings, find_pairs
from tunelab.reporting.notation import format_decimal
from tunelab.reporting.remarks import pick
from tunelab.reporting.signals import take_end, take_start


def tell_contrasts(study: Study, results: Results, words: NullTranslations) -> str:
    """Tell what the declared differences on each task came to."""
    found = build_findings([row.model_dump() for row in results.contrasts])
    return tell_claims(study, [row for row in found["primary"] if row["task"] in study.tasks], words)


def tell_changes(study: Study, results: Results, tasks: list[str], words: NullTranslations) -> str | None:
    """Tell of each task, or neutral text, which runs are better or worse than the untouched run; None without any."""
    found = find_pairs([row.model_dump() for row in results.contrasts])
    pairs = [(run, study.find_untouched(run)) for run in study.list_trained() if study.find_untouched(run)]
    judged = [found[task, *pair] for task in tasks for pair in pairs]
    return tell_claims(study, judged, words) if judged else None


def tell_outdone(
    study: Study,
    outdone: dict[str, list[str]],
    starved: set[str],
    degenerate: dict[str, set[str]],
    words: NullTranslations,
) -> str:
    """Tell which runs of each task cost no less than one that is better."""
    _, ngettext = words.gettext, words.ngettext
    said = []
    for task, runs in outdone.items():
        names = {"task": name_task(study, task, words)}
        if runs:
            names["runs"] = join_runs(study, runs, words)
            doubts = {"starved": starved, "degenerate": degenerate.get(task, set())}
            remark = tell_remark(
                study, pick({why: [run for run in runs if run in named] for why, named in doubts.items()}), words
            )
            claim = ngettext(
                "%(task)s: %(runs)s is beaten by a better run that cost no more",
                "%(task)s: %(runs)s are beaten by a better run that cost no more",
                len(runs),
            )
            said.append(claim % names + remark)
        else:
            said.append(_("%(task)s: no run is beaten by a better one that cost no more") % names)
    return join_sentences(said, words)


def tell_losses(study: Study, measured: dict[str, list[float]], words: NullTranslations) -> str:
    """Tell whose validation loss rose after its lowest value, of the values over the steps (means over seeds)."""
    _ = words.gettext
    known = {run: values for run, values in measured.items() if values}
    risen = [run for run, values in known.items() if values[-1] > min(values)]
    if not known:
        return _("Loss of the supervised runs during training")
    if not risen:
        return _("Where it was measured, the validation loss was lowest at the end")
    return _("The validation loss of %(runs)s ended above its lowest value") % {"runs": join_runs(study, risen, words)}


def tell_rewards(study: Study, histories: dict[str, list[list[dict]]], words: NullTranslations) -> str:
    """Tell each run's mean reward in the first and in the last fifth of its steps."""
    _ = words.gettext
    if len(histories) > MOST_NAMES:
        return _("Reward and its parts over the steps")
    said = []
    for run, seeds in histories.items():
        first, last = (fmean(fmean(part(history, "reward")) for history in seeds) for part in (take_start, take_end))
        ends = {"first": format_decimal(first), "last": format_decimal(last), "run": study.run(run)["label"]}
        said.append(_("%(run)s: mean reward %(first)s in the first fifth of the steps, %(last)s in the last") % ends)
    return join_sentences(said, words)


def tell_signals(study: Study, histories: dict[str, list[list[dict]]], words: NullTranslations) -> str:
    """Tell in which runs preferred answers were less likely at the end than at the start, in every seed."""
    _ = words.gettext
    chosen = {run: [take_end(history, "rewards/chosen") for history in seeds] for run, seeds in histories.items()}
    fell = [run for run, seeds in chosen.items() if all(values and fmean(values) < 0 for values in seeds)]
    if fell:
        return _("Preferred answers ended less likely than they began in %(runs)s") % {
            "runs": join_runs(study, fell, words)
        }
    return _("Loss and signs of health over the steps")
