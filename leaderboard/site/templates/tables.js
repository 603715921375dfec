"use strict";
// Filters, order, columns and rows of the index's tables, and which rows its plots draw.
(() => {
  const SHOWN = 8; // methods of a table before more are asked for
  const STEP = 100; // rows that are added at once: thousands would take seconds to lay out
  const form = document.getElementById("filters");
  const chosen = (name) => form.elements[name]?.value ?? "";
  const every = (name) => state.get(name) === "all";

  const tables = [...document.querySelectorAll(".card")].map((card, number) => {
    const table = card.querySelector("table");
    const groups = [...table.tBodies].map((body) => [...body.rows].map((row) => ({
      row,
      i: Number(row.dataset.i),
      name: row.querySelector("th").dataset.value,
      lower: row.querySelector("th").dataset.value.toLowerCase(),
      link: row.querySelector("a"),
      kind: row.dataset.kind,
      budget: row.dataset.budget,
      task: card.dataset.task,
      track: card.dataset.track,
      fits: true,
    })));
    groups[1].forEach((entry) => { entry.reference = true; });
    return {
      card, table, groups, numbers: numbers.tables[number], extended: false, number,
      more: card.querySelector(".more"), plots: document.querySelector(`.plotted[data-table="${card.id.slice(6)}"]`),
    };
  });

  // What a filter says of a row; references stay whatever kind, budget or name is chosen.
  const fits = (entry) => {
    const find = chosen("find").toLowerCase();
    return entry.reference || ((!chosen("kind") || entry.kind === chosen("kind"))
      && (!chosen("budget") || !entry.budget || entry.budget === chosen("budget"))
      && (!find || entry.lower.includes(find)));
  };

  const show = () => {
    const limit = Math.max(SHOWN, Number(state.get("rows")) || 0);
    let methods = 0;
    for (const t of tables) {
      const open = (!chosen("track") || t.card.dataset.track === chosen("track"))
        && (!chosen("task") || t.card.dataset.task === chosen("task"));
      let fitting = 0, hidden = 0;
      for (const group of t.groups) {
        let position = 0;
        for (const entry of group) {
          entry.fits = open && fits(entry);
          position += entry.fits;
          if (entry.fits && !entry.reference) fitting += 1;
          const here = entry.fits && (entry.reference ? entry.kept || limit > SHOWN : position <= limit);
          hidden += entry.fits && !here;
          entry.row.hidden = !here;
        }
      }
      const any = fitting > 0 || (open && !t.groups[0].length);
      t.card.hidden = !any;
      if (t.plots) t.plots.hidden = !any;
      if (any) methods += fitting;
      const [more, fewer] = t.more.children;
      t.more.hidden = !hidden && limit === SHOWN;
      more.hidden = !hidden;
      more.textContent = hidden > STEP ? `Show ${STEP} more rows of ${hidden}` : `Show all rows (${hidden} more)`;
      fewer.hidden = limit === SHOWN;
    }
    for (const section of document.querySelectorAll(".section")) {
      section.hidden = ![...section.querySelectorAll(".card")].some((card) => !card.hidden);
    }
    document.getElementById("count").textContent = `${methods} method${methods === 1 ? "" : "s"}`;
    document.getElementById("nothing").hidden = tables.some((t) => !t.card.hidden);
    plots();
  };

  const heads = (t) => [...t.table.tHead.rows[0].cells];

  // The columns behind the switch are made when they are first asked for.
  const columns = () => {
    const all = every("columns");
    document.body.classList.toggle("columns", all);
    for (const t of tables) {
      if (all && !t.extended) {
        t.extended = true;
        t.numbers.columns.forEach(([heading, title, better], position) => {
          const head = document.createElement("th");
          head.scope = "col";
          head.className = better === "text" ? "extra" : "number extra";
          const button = document.createElement("button");
          Object.assign(button, { type: "button", title, textContent: heading });
          button.dataset.key = better === "text" ? heading : title.split(": ")[0];
          button.dataset.first = better === "lower" || better === "text" ? "ascending" : "descending";
          head.append(button);
          t.table.tHead.rows[0].append(head);
          for (const entry of t.groups.flat()) {
            const value = t.numbers.rows[entry.i].more[position];
            const cell = entry.row.insertCell();
            cell.className = head.className;
            cell.textContent = Array.isArray(value) ? value[0] : value;
            cell.dataset.value = Array.isArray(value) ? value[1] : better === "text" ? value : "";
          }
        });
      }
    }
  };

  const sort = () => {
    const key = state.get("sort"), sign = state.get("order") === "descending" ? -1 : 1;
    for (const t of tables) {
      const column = heads(t).findIndex((head) => head.firstElementChild.dataset.key === (key || "rank"));
      if (key && column < 0) continue; // this table has other columns
      heads(t).forEach((head, i) => {
        if (i === column) head.setAttribute("aria-sort", sign < 0 && key ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      });
      t.groups = t.groups.map((group, which) => {
        const keyed = group.map((entry) => {
          const text = key ? entry.row.cells[column].dataset.value : String(entry.i); // as written: best first
          return { entry, text, missing: text === "", value: Number(text) };
        });
        const numeric = keyed.every((k) => k.missing || !Number.isNaN(k.value));
        keyed.sort((a, b) => {
          if (a.missing || b.missing) return a.missing - b.missing || a.entry.i - b.entry.i; // missing stays last
          const difference = numeric ? a.value - b.value : a.text.localeCompare(b.text);
          return (key ? sign : 1) * difference || a.entry.i - b.entry.i;
        });
        const sorted = keyed.map((k) => k.entry);
        if (sorted.some((entry, i) => entry !== group[i])) t.table.tBodies[which].append(...sorted.map((entry) => entry.row));
        return sorted;
      });
    }
  };

  // Plots are drawn when they come near the screen, of the rows that fit the filters.
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      entry.target.near = entry.isIntersecting;
      if (entry.isIntersecting && entry.target.stale) draw(entry.target);
    }
  }, { rootMargin: "300px" });
  const figures = tables.flatMap((t) => (t.plots ? [...t.plots.querySelectorAll("figure")] : []).map((figure) => {
    figure.of = t;
    near.observe(figure);
    return figure;
  }));
  const draw = (figure) => {
    figure.stale = false;
    const t = figure.of;
    const rows = t.groups.flat().filter((entry) => entry.fits).map((entry) => ({ ...entry, ...t.numbers.rows[entry.i] }));
    drawPlot(figure, rows, state.get("axis"));
  };
  let waiting;
  const plots = () => { // after the tables, which whoever types looks at
    for (const figure of figures) figure.stale = true;
    clearTimeout(waiting);
    waiting = setTimeout(() => figures.filter((figure) => figure.near && figure.stale).forEach(draw), 40);
  };

  const axis = document.querySelector("#axis select");
  const axes = Object.entries(numbers.axes).filter(([name]) => tables.some((t) => t.plots?.dataset.axes.split(" ").includes(name)));
  axis.replaceChildren(...axes.map(([name, title]) => new Option(title, name)));
  axis.value = axes.some(([name]) => name === state.get("axis")) ? state.get("axis") : axes[0]?.[0] ?? "";
  document.getElementById("axis").hidden = !axes.length;
  const missing = [...new Set(tables.map((t) => t.plots?.dataset.unrecorded).filter(Boolean))];
  document.getElementById("unrecorded").textContent = missing.length ? `No spend is recorded in ${missing.join("; ")}.` : "";
  axis.addEventListener("change", () => { state.set("axis", axis.value); plots(); });

  document.addEventListener("click", (event) => {
    const head = event.target.closest("thead button");
    if (head) {
      const { key, first } = head.dataset;
      const other = first === "ascending" ? "descending" : "ascending";
      const again = (state.get("sort") || "rank") === key && (state.get("order") || first) === first;
      state.set("sort", key);
      state.set("order", again ? other : first); // best first on the first click
      sort();
      show();
    } else if (event.target.closest("[data-more], [data-fewer]")) {
      const more = event.target.closest("[data-more]");
      state.set("rows", more ? String(Math.max(SHOWN, Number(state.get("rows")) || 0) + STEP) : "");
      show();
    }
  });
  form.addEventListener("input", (event) => {
    const { name, type, checked, value } = event.target;
    state.set(name, type === "checkbox" ? (checked ? value : "") : value);
    if (name === "columns") columns(); else show();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    for (const name of ["find", "track", "task", "kind", "budget", "columns", "rows", "sort", "order"]) state.set(name, "");
    read();
  });
  let pending;
  addEventListener("resize", () => { clearTimeout(pending); pending = setTimeout(plots, 150); });

  const read = () => {
    for (const field of form.elements) {
      if (field.type === "checkbox") field.checked = every(field.name);
      else if (field.name) field.value = state.get(field.name);
      if (field.localName === "select" && field.selectedIndex < 0) field.value = "";
    }
    columns();
    sort();
    show();
  };
  for (const t of tables) for (const entry of t.groups[1]) entry.kept = !entry.row.classList.contains("rest");
  for (const row of document.querySelectorAll("tr.rest")) row.classList.remove("rest");
  form.hidden = false;
  document.getElementById("plots").hidden = !figures.length;
  read();
})();
