"""Say in a sentence what a figure shows: comparatives come from verdicts alone, all else from the files.

The sentences stand above the figures on the page, and in their PDF files. Where no claim is supported, the headline
says what is drawn. A claim names its metric, and the metrics on which the tests decide otherwise.
"""

from gettext import NullTranslations
from statistics import fmean

from tunelab.comparison.choice_rows import Choice
from tunelab.comparison.metrics import find_metric
from tunelab.comparison.result_rows import Verdict
from tunelab.comparison.results import Results
from tunelab.config.metrics import NEUTRAL
from tunelab.config.study import Study
from tunelab.reporting.completions import take_end, take_start
from tunelab.reporting.findings import Doubts, build_findings, find_pairs, group_verdicts, join_doubts, pick
from tunelab.reporting.notation import format_decimal, format_metric

MOST_NAMES, MOST_CLAIMS = 4, 4  # runs or metrics of a claim, and claims of a task, that can still be read


def tell_claims(study: Study, rows: list[dict], words: NullTranslations) -> str:
    """Tell the verdicts of findings on first metrics, task by task."""
    _ = words.gettext
    said = [
        _("%(task)s, by %(metric)s: %(claims)s")
        % {
            "task": name_task(study, task, words),
            "metric": name_metric(study, groups[0]["metric"], words),
            "claims": _("; ").join(_list_claims(study, groups, words)),
        }
        for task, groups in group_verdicts(rows).items()
    ]
    return join_sentences(said, words)


def _list_claims(study: Study, groups: list[dict], words: NullTranslations) -> list[str]:
    """List the claims of the groups of `group_verdicts`, undecided ones in a few words."""
    _ = words.gettext
    told = [group for group in groups if group["verdict"] != "undecided" or group["contrary"]]
    undecided = [row for group in groups if group not in told for row in group["rows"]]
    if len(told) > MOST_CLAIMS:
        rows = [row for group in groups for row in group["rows"]]
        decided, contrary = (
            sum(map(bool, found))
            for found in ([row["verdict"] != "undecided" for row in rows], [row["contrary"] for row in rows])
        )
        said = _("%(decided)s of %(of)s differences are decided") % {"decided": decided, "of": len(rows)}
        if contrary:
            said += _("; on %(count)s, other metrics say otherwise") % {"count": contrary}
        return [said + tell_remark(study, join_doubts(rows), words)]
    claims = []
    for group in told:
        claim = _claim(study, group["verdict"], group["against"], [row["run"] for row in group["rows"]], words)
        if group["contrary"]:
            claim = _("%(claim)s, but %(contrary)s") % {
                "claim": claim,
                "contrary": tell_contrary(study, group["contrary"], words),
            }
        claims.append(claim + tell_remark(study, group["doubted"], words))
    if not undecided:
        return claims
    if len(undecided) == 1:
        names = {role: study.run(undecided[0][role])["label"] for role in ("run", "against")}
        rest = _("%(run)s and %(against)s cannot be told apart") % names
    else:
        rest = _("nothing else is decided") if claims else _("nothing is decided")
    return [*claims, rest + tell_remark(study, join_doubts(undecided), words)]


def tell_contrary(study: Study, contrary: list[tuple[str, str]], words: NullTranslations) -> str:
    """Tell on which metrics the tests decide otherwise: `worse in chrF`."""
    _ = words.gettext
    phrases = {"better": _("better in %(metrics)s"), "worse": _("worse in %(metrics)s")}
    said = []
    for verdict, phrase in phrases.items():
        names = [name_metric(study, metric, words) for metric, found in contrary if found == verdict]
        if len(names) > MOST_NAMES:
            names = [_("%(count)s metrics") % {"count": len(names)}]
        if names:
            said.append(phrase % {"metrics": join_names(names, words)})
    return join_names(said, words)


def tell_remark(study: Study, doubts: Doubts, words: NullTranslations) -> str:
    """Return the remark behind a claim that names the runs of which it says little, and why; empty without any."""
    if not doubts:
        return ""
    _ = words.gettext
    reasons = {
        "starved": _("%(runs)s: too few completions to expect an effect"),
        "edge": _("%(runs)s: best at the edge of what was tried"),
        "degenerate": _("%(runs)s: repetitive answers"),
    }
    said = [reasons[reason] % {"runs": join_runs(study, runs, words)} for reason, runs in doubts.items()]
    return _(" (%(remark)s)") % {"remark": _("; ").join(said)}


def _claim(study: Study, verdict: Verdict, against: str, runs: list[str], words: NullTranslations) -> str:
    ngettext, n = words.ngettext, len(runs)
    sentence = {
        "better": ngettext("%(runs)s is better than %(against)s", "%(runs)s are better than %(against)s", n),
        "worse": ngettext("%(runs)s is worse than %(against)s", "%(runs)s are worse than %(against)s", n),
        "equivalent": ngettext("%(runs)s is equivalent to %(against)s", "%(runs)s are equivalent to %(against)s", n),
        "undecided": ngettext(
            "%(runs)s is not told apart from %(against)s", "%(runs)s are not told apart from %(against)s", n
        ),
    }[verdict]
    return sentence % {"runs": join_runs(study, runs, words), "against": study.run(against)["label"]}


def name_task(study: Study, task: str, words: NullTranslations) -> str:
    """Return a task's label, or what a neutral text is called."""
    if task in study.tasks:
        return study.task(task)["label"]
    _ = words.gettext
    return _("Neutral text %(name)s") % {"name": task.removeprefix(NEUTRAL)}


def name_metric(study: Study, metric: str, words: NullTranslations) -> str:
    """Return what a metric is called; a name that is the same in every language stays as it is."""
    described = find_metric(metric, study.own_metrics)
    return described.label if described.is_name else words.gettext(described.label)


def join_runs(study: Study, runs: list[str], words: NullTranslations) -> str:
    """Join the labels of runs as a sentence has them; of many runs, tell how many they are."""
    _ = words.gettext
    if len(runs) > MOST_NAMES:
        return _("%(shown)s runs") % {"shown": len(runs)}
    return join_names([study.run(run)["label"] for run in runs], words)


def join_names(names: list[str], words: NullTranslations) -> str:
    """Join names as a sentence has them."""
    _ = words.gettext
    *first, last = names
    return _(" and ").join([_(", ").join(first), last]) if first else last


def join_sentences(sentences: list[str], words: NullTranslations) -> str:
    """Join sentences that have no full stop yet; a single one is a title, and gets none."""
    _ = words.gettext
    if len(sentences) == 1:
        return sentences[0]
    return "".join(_("%(sentence)s. ") % {"sentence": sentence} for sentence in sentences).strip()


def tell_contrasts(study: Study, results: Results, words: NullTranslations) -> str:
    """Tell the verdicts of the declared differences on each task."""
    found = build_findings([row.model_dump() for row in results.contrasts])
    return tell_claims(study, [row for row in found.primary if row["task"] in study.tasks], words)


def tell_changes(study: Study, results: Results, tasks: list[str], words: NullTranslations) -> str | None:
    """Tell of each task, or neutral text, which runs are better or worse than the untouched run; None without any."""
    found = find_pairs([row.model_dump() for row in results.contrasts])
    pairs = [(run, study.find_untouched(run)) for run in study.list_trained() if study.find_untouched(run)]
    rows = [found[task, *pair] for task in tasks for pair in pairs]
    return tell_claims(study, rows, words) if rows else None


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


def tell_tuning(study: Study, choices: list[Choice], words: NullTranslations) -> str:
    """Tell which settings were chosen, and for which runs other settings than their own."""
    _ = words.gettext
    moved = [choice.run for choice in choices if choice.settings != choice.own]
    if not moved:
        return _("Every tuned run keeps its own setting")
    return _("The trials led to other settings than their own for %(runs)s") % {"runs": join_runs(study, moved, words)}


def tell_followed(study: Study, results: Results, words: NullTranslations) -> str:
    """Tell each run's value at the largest amount that all runs of a task reached, of a few runs."""
    _ = words.gettext
    said = []
    for task in dict.fromkeys(row.task for row in results.reached):
        rows = [row for row in results.reached if row.task == task and row.point is not None]
        if len(rows) > MOST_NAMES:
            continue
        found = {(row.run, row.point): row for row in reversed(results.followed) if row.task == task and row.summary}
        at = [found[row.run, row.point] for row in rows]
        values = [f"{study.run(row.run)['label']} {format_metric(row.value, row.metric)}" for row in at]
        said.append(
            _("%(task)s, at the most that all consumed: %(values)s")
            % {"task": name_task(study, task, words), "values": _(", ").join(values)}
        )
    return join_sentences(said, words) if said else _("Quality along the way of each training")


def tell_losses(study: Study, measured: dict[str, list[float]], words: NullTranslations) -> str:
    """Tell which runs' validation loss rose after its lowest value; `measured` has means over seeds, step by step."""
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
