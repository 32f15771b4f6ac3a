"""What a figure shows, in a sentence: comparatives come from verdicts alone, all else is a fact of the files.

The sentences stand above the figures of the page, and in their PDF files. Where nothing supports one, the headline says
what is drawn.
"""

from gettext import NullTranslations
from statistics import fmean

from tunelab.comparison.metrics import NEUTRAL
from tunelab.comparison.results import Contrast, Results
from tunelab.comparison.rows import Verdict
from tunelab.config.study import Study
from tunelab.reporting.findings import find_pairs, group_verdicts, join_doubted
from tunelab.reporting.notation import format_decimal
from tunelab.reporting.signals import take_end, take_start

MOST_NAMES, MOST_CLAIMS = 4, 4  # runs of a claim, and claims of a task, that can still be read in a headline


def tell_contrasts(study: Study, rows: dict[str, list[Contrast]], words: NullTranslations) -> str:
    """Tell what the differences on each task came to."""
    return _tell(study, [row.model_dump() for found in rows.values() for row in found], words)


def tell_changes(study: Study, results: Results, tasks: list[str], words: NullTranslations) -> str | None:
    """Tell of each task, or neutral text, which runs are better or worse than the untouched run; None without any."""
    found = find_pairs([row.model_dump() for row in results.contrasts])
    pairs = [(run, study.find_untouched(run)) for run in study.list_trained() if study.find_untouched(run)]
    judged = [found[task, *pair] for task in tasks for pair in pairs]
    return _tell(study, judged, words) if judged else None


def tell_outdone(study: Study, outdone: dict[str, list[str]], starved: set[str], words: NullTranslations) -> str:
    """Tell which runs of each task cost no less than one that is better."""
    _ = words.gettext
    said = []
    for task, runs in outdone.items():
        names = {"task": name_task(study, task, words)}
        if runs:
            names["runs"] = join_runs(study, runs, words)
            remark = _remark(study, [run for run in runs if run in starved], words)
            said.append(_("%(task)s: a better run cost no more than %(runs)s") % names + remark)
        else:
            said.append(_("%(task)s: no run is outdone by a better one that cost no more") % names)
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


def _tell(study: Study, rows: list[dict], words: NullTranslations) -> str:
    _ = words.gettext
    said = [
        _("%(task)s: %(claims)s")
        % {"task": name_task(study, task, words), "claims": _("; ").join(_list_claims(study, groups, words))}
        for task, groups in group_verdicts(rows).items()
    ]
    return join_sentences(said, words)


def _list_claims(study: Study, groups: list[dict], words: NullTranslations) -> list[str]:
    """List what the groups of `group_verdicts` claim, undecided ones in a few words."""
    _ = words.gettext
    decided = [group for group in groups if group["verdict"] != "undecided"]
    undecided = [row for group in groups if group["verdict"] == "undecided" for row in group["rows"]]
    if len(decided) > MOST_CLAIMS:
        count = sum(len(group["rows"]) for group in decided)
        said = _("%(decided)s of %(of)s differences are decided") % {"decided": count, "of": count + len(undecided)}
        return [said + _remark(study, join_doubted(row for group in groups for row in group["rows"]), words)]
    claims = [
        _claim(study, group["verdict"], group["against"], [row["run"] for row in group["rows"]], words)
        + _remark(study, group["doubted"], words)
        for group in decided
    ]
    if not undecided:
        return claims
    if len(undecided) == 1:
        names = {role: study.run(undecided[0][role])["label"] for role in ("run", "against")}
        rest = _("%(run)s and %(against)s cannot be told apart") % names
    else:
        rest = _("nothing else is decided") if claims else _("nothing is decided")
    return [*claims, rest + _remark(study, join_doubted(undecided), words)]


def _remark(study: Study, starved: list[str], words: NullTranslations) -> str:
    """Say behind a claim which of its runs drew too few completions for it to say much; nothing if none did."""
    if not starved:
        return ""
    _ = words.gettext
    runs = {"runs": join_runs(study, starved, words)}
    return _(" (%(remark)s)") % {"remark": _("%(runs)s: too few completions to expect an effect") % runs}


def _claim(study: Study, verdict: Verdict, against: str, runs: list[str], words: NullTranslations) -> str:
    ngettext, n = words.ngettext, len(runs)
    sentence = {
        "better": ngettext("%(runs)s is better than %(against)s", "%(runs)s are better than %(against)s", n),
        "worse": ngettext("%(runs)s is worse than %(against)s", "%(runs)s are worse than %(against)s", n),
        "equivalent": ngettext("%(runs)s is equivalent to %(against)s", "%(runs)s are equivalent to %(against)s", n),
    }[verdict]
    return sentence % {"runs": join_runs(study, runs, words), "against": study.run(against)["label"]}


def name_task(study: Study, task: str, words: NullTranslations) -> str:
    """Return a task's label, or what a neutral text is called."""
    if task in study.tasks:
        return study.task(task)["label"]
    _ = words.gettext
    return _("Neutral text %(name)s") % {"name": task.removeprefix(NEUTRAL)}


def join_runs(study: Study, runs: list[str], words: NullTranslations) -> str:
    """Join the labels of runs as a sentence has them; of many runs, tell how many they are."""
    _ = words.gettext
    if len(runs) > MOST_NAMES:
        return _("%(shown)s runs") % {"shown": len(runs)}
    *first, last = [study.run(run)["label"] for run in runs]
    return _(" and ").join([_(", ").join(first), last]) if first else last


def join_sentences(sentences: list[str], words: NullTranslations) -> str:
    """Join sentences that have no full stop yet; a single one is a title, and gets none."""
    _ = words.gettext
    if len(sentences) == 1:
        return sentences[0]
    return "".join(_("%(sentence)s. ") % {"sentence": sentence} for sentence in sentences).strip()
