"use strict";
(() => {
  const narrow = matchMedia("(max-width: 600px)");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const coarse = matchMedia("(pointer: coarse)");
  const PRINT_PX = 680;
  const plots = [];

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // The page's colours as changes of a plot's layout: {"xaxis.gridcolor": ..., ...}.
  function theme(layout) {
    const changes = { "font.color": colour("--quiet"), "font.family": getComputedStyle(document.body).fontFamily };
    for (const key of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))) {
      changes[`${key}.gridcolor`] = colour("--grid");
      changes[`${key}.linecolor`] = colour("--line");
      changes[`${key}.tickcolor`] = colour("--line");
    }
    changes["hoverlabel.bgcolor"] = colour("--raised");
    changes["hoverlabel.bordercolor"] = colour("--line");
    changes["hoverlabel.font.color"] = colour("--text");
    changes["modebar.bgcolor"] = "rgba(0,0,0,0)";
    changes["modebar.color"] = colour("--quiet");
    changes["modebar.activecolor"] = colour("--accent");
    (layout.annotations ?? []).forEach((_, k) => { changes[`annotations[${k}].bgcolor`] = colour("--veil"); });
    return changes;
  }

  function draw(holder) {
    const plot = document.getElementById(holder.dataset.figure);
    const figure = JSON.parse(holder.textContent);
    const isSmall = plot.closest(".multiples") && !plot.closest(".wide");
    const config = { responsive: true, displayModeBar: isSmall ? false : "hover", displaylogo: false, showSendToCloud: false, plotlyServerURL: "", doubleClick: "reset", modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
    if (coarse.matches) figure.layout.dragmode = false; // a finger scrolls the page
    if (narrow.matches) { // the legend goes below, clear of the tool bar
      Object.assign(figure.layout.margin, { l: 48, r: 6 });
      Object.assign(figure.layout.legend, { y: 0, yanchor: "bottom" });
      figure.layout.height += 40;
      plot.style.height = `${figure.layout.height}px`;
    }
    return Plotly.newPlot(plot, figure.data, figure.layout, config).then(() => {
      if (!plots.includes(plot)) plots.push(plot);
      if (isOverTime(plot)) plot.on("plotly_relayout", (changes) => follow(plot, changes));
      return Plotly.relayout(plot, theme(plot.layout));
    });
  }

  const isOverTime = (plot) => plot.layout.meta?.time !== false;

  // One time axis for all plots over time: what one shows in time, the others show.
  let following = false;
  function follow(source, changes) {
    const touched = Object.keys(changes).some((key) => /^xaxis\d*\.(range|autorange)/.test(key));
    if (following || !touched) return;
    following = true;
    const axis = source._fullLayout.xaxis;
    const same = axis.autorange ? { "xaxis.autorange": true } : { "xaxis.range": [...axis.range] };
    Promise.all(plots.filter((plot) => plot !== source && isOverTime(plot)).map((plot) => Plotly.relayout(plot, same)))
      .finally(() => { following = false; });
  }

  const restyle = () => plots.forEach((plot) => Plotly.relayout(plot, theme(plot.layout)));
  dark.addEventListener("change", restyle);
  addEventListener("beforeprint", () => {
    document.querySelectorAll("#appendix details").forEach((part) => { part.open = true; });
    plots.forEach((plot) => Plotly.relayout(plot, { ...theme(plot.layout), width: PRINT_PX }));
  });
  addEventListener("afterprint", () => plots.forEach((plot) =>
    Plotly.relayout(plot, { ...theme(plot.layout), width: null, autosize: true })));

  document.querySelectorAll("script[data-figure]:not([data-choice])").forEach(draw);

  // Drop-downs choose which of its figures a place shows: their values, joined, are the figure's option.
  function choose(name) {
    const of = (tag) => [...document.querySelectorAll(`${tag}[data-choice]`)].filter((part) => part.dataset.choice === name);
    const option = of("select").map((select) => select.value).join("|");
    of("script").filter((holder) => holder.dataset.option === option).forEach((holder) => {
      const place = document.getElementById(holder.dataset.figure);
      place.setAttribute("aria-label", holder.dataset.alt);
      if (plots.includes(place)) {
        plots.splice(plots.indexOf(place), 1);
        Plotly.purge(place);
      }
      const why = holder.dataset.missing;
      place.textContent = why ? `Not drawn: ${why}.` : "";
      place.style.height = why ? "auto" : `${JSON.parse(holder.textContent).layout.height}px`;
      if (!why) draw(holder);
    });
  }
  document.querySelectorAll("select[data-choice]").forEach((select) =>
    select.addEventListener("change", () => choose(select.dataset.choice)));
  new Set([...document.querySelectorAll("select[data-choice]")].map((select) => select.dataset.choice)).forEach(choose);

  // Tables sort on a click on a column's title; missing values stay last.
  const missing = (text) => text === "" || text === "–";
  function compare(a, b) {
    const [x, y] = [Number(a), Number(b)];
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, undefined, { numeric: true }) : x - y;
  }
  function sortBy(header) {
    const down = header.getAttribute("aria-sort") === "ascending";
    const table = header.closest("table");
    table.querySelectorAll("thead th").forEach((other) => other.setAttribute("aria-sort", "none"));
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    for (const body of table.tBodies) { // each group by itself, its heading stays
      const keyed = [...body.rows].filter((row) => !row.classList.contains("group")).map((row) => {
        const cell = row.cells[header.cellIndex];
        return { row, key: cell.dataset.sort ?? cell.textContent.trim() };
      });
      keyed.sort((a, b) => {
        if (missing(a.key) || missing(b.key)) return missing(a.key) - missing(b.key);
        return down ? compare(b.key, a.key) : compare(a.key, b.key);
      });
      body.append(...keyed.map((item) => item.row));
    }
  }
  document.querySelectorAll("table.sortable thead th").forEach((header) =>
    header.querySelector("button").addEventListener("click", () => sortBy(header)));
})();
