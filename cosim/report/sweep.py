"""The report of a sweep: one page, from its folder alone, whether it has finished or not."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from cosim.criteria import COMPLETED
from cosim.files import write_whole
from cosim.report import sweep_content as content
from cosim.report.page import asset, figure_json, policy, scripts, template
from cosim.report.sweep_effects import Effects
from cosim.report.sweep_runs import RunLines, share_text
from cosim.report.sweep_text import VERDICT_NAMES, parameter_label
from cosim.report.tables import sweep as tables
from cosim.report.text import general, words
from cosim.sweep.analysis import OUTCOMES, Outcome, counts, read_outcome, shown_metrics, spread
from cosim.sweep.hosting import Hosting
from cosim.sweep.table import PENDING


def write_sweep_report(folder: Path, path: Path, metric: str | None = None, hosting: str | None = None) -> None:
    """Write the report of a sweep as one HTML file that needs no network.

    Parameters
    ----------
    folder
        The sweep's. Commands in the report name it as it is given.
    path
        File to write; one that exists is replaced, and a write that is cut short leaves no half of one.
    metric
        Path of a metric to show first.
    hosting
        Key or name of the parameter whose largest passing value is sought; by default the first in MW.

    Raises
    ------
    InputError
        If the folder is no sweep's, or there is no such metric or parameter.
    """
    write_whole(path, render_sweep(read_outcome(folder), folder, path.parent, metric, hosting))


def render_sweep(
    outcome: Outcome, folder: Path, page: Path, metric: str | None = None, hosting: str | None = None
) -> str:
    """The page as text.

    Parameters
    ----------
    outcome, folder
        Of the sweep.
    page
        Folder that the page will be in, where its links start.
    metric, hosting
        As `write_sweep_report` takes them.
    """
    metrics = shown_metrics(outcome, metric)
    effects = Effects(outcome, metrics)
    lines = RunLines(outcome, folder, page)
    capacity, why_no_capacity = content.hosting_of(outcome, hosting)
    sensitivities = content.sensitivities(outcome, metrics)
    tornado, changes, unchanged = effects.from_base() if effects.is_from_base else (None, None, [])
    heat = effects.heat_maps()
    spreads = [found for name in metrics if (found := spread(outcome.completed, name, outcome.limits))]
    return template("sweep.html.j2").render(
        style=Markup(asset("style.css") + asset("sweep.css")),
        scripts=[Markup(text) for text in scripts()],
        policy=policy(),
        printed=False,
        name=outcome.plan.sweep.name,
        description=outcome.plan.sweep.description,
        tiles=_tiles(outcome, capacity),
        pending=int((outcome.runs["status"] == PENDING).sum()),
        total=len(outcome.runs),
        has_other_ids=outcome.has_other_ids,
        facts=content.facts(outcome, folder),
        parameters=tables.parameters(outcome),
        states=_states(outcome),
        criteria=tables.criteria(outcome),
        distributions=[(figure, figure_json(figure)) for figure in content.distributions(outcome, metrics)],
        spreads=tables.spreads(spreads),
        is_list=outcome.plan.sweep.sampling.method == "list",
        is_from_base=effects.is_from_base,
        effects=effects.choice(),
        effects_table=effects.table(),
        tornado=tornado,
        changes=changes,
        unchanged=unchanged,
        heat=None if isinstance(heat, str) else heat,
        why_no_heat=heat if isinstance(heat, str) else "",
        hosting=capacity and _hosting_notes(capacity),
        hosting_choice=capacity and content.hosting_choice(capacity, outcome),
        hosting_table=capacity and tables.capacities(capacity),
        why_no_hosting=why_no_capacity,
        worst=lines.worst(metrics),
        failures=lines.failures(),
        sensitivities=sensitivities,
        json=figure_json,
    )


def _tiles(outcome: Outcome, capacity: Hosting | None) -> list[tuple[str, str, str]]:
    """Title, value and note of the numbers at the top."""
    total = len(outcome.runs)
    made = int((outcome.runs["status"] != PENDING).sum())
    found = counts(outcome.verdicts)
    tiles = [("Runs made", f"{made:,}", f"of {total:,}")]
    for verdict in ("pass", "fail", "not_assessed", "simulation_failed"):
        if verdict in ("pass", "fail") or found.get(verdict):
            count = found.get(verdict, 0)
            note = f"{100 * count / made:.1f} % of those made" if made else ""
            tiles.append((words(VERDICT_NAMES.get(verdict, verdict)).capitalize(), f"{count:,}", note))
    if capacity:
        least = min(capacity.capacities, key=lambda found: found.rank)
        value = "none" if least.end == "fail" else "not known"
        if least.largest is not None:
            value = ("" if least.is_exact else "≥ ") + general(least.largest)
        note = f"{parameter_label(capacity.parameter)}, at the worst combination"
        tiles.append(("Largest that passes", value, note if capacity.others else parameter_label(capacity.parameter)))
    return tiles


def _states(outcome: Outcome) -> list[tuple[str, str]]:
    """Counts by status, and by verdict."""
    total = len(outcome.runs)
    rows = [(words(status), share_text(n, total)) for status, n in counts(outcome.runs["status"]).items()]
    completed = outcome.verdicts[outcome.runs["status"] == COMPLETED]
    verdicts = counts(completed, OUTCOMES)
    text = ", ".join(f"{words(verdict)} {share_text(n, len(completed))}" for verdict, n in verdicts.items())
    return [*rows, ("Verdict of the completed ones", text)] if verdicts else rows


def _hosting_notes(capacity: Hosting) -> list[str]:
    """What a reader of the numbers must know."""
    several = len(capacity.parameter.keys)
    found = capacity.capacities
    unknown = sum(c.end in ("pending", "not_assessed") for c in found)
    notes = []
    if several > 1:
        notes.append(f"The value is that of each of {several} keys: {', '.join(capacity.parameter.keys)}.")
    if any(c.end == "not_assessed" for c in found):
        notes.append(
            "A value whose runs were not assessed by any criterion neither passes nor fails; the search ends below it."
        )
    if unknown:
        notes.append(f"{unknown} of {len(found)} combinations end at a value that is pending or was not assessed.")
    again = sum(c.passes_again for c in found)
    if again:
        notes.append(f"In {again} of {len(found)} combinations a larger value passes again; it does not count.")
    if capacity.single:
        notes.append(f"{capacity.single:,} combinations with one value tested are left out.")
    return notes
