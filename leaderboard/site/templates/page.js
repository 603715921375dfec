"use strict";
(() => {
  // All state lives in the URL's fragment, so that a link shows what its sender saw.
  const state = new URLSearchParams(location.hash.slice(1));
  const set = (name, value) => {
    if (value) state.set(name, value); else state.delete(name);
    history.replaceState(null, "", state.size ? "#" + state : location.pathname + location.search);
  };

  // Theme and budget axis go along to other pages; the rest is of this page alone.
  const showLinks = () => {
    const kept = new URLSearchParams(["theme", "axis"].filter((name) => state.get(name)).map((name) => [name, state.get(name)]));
    for (const link of document.querySelectorAll('a[href*=".html"]')) {
      link.setAttribute("href", link.getAttribute("href").split("#")[0] + (kept.size ? "#" + kept : ""));
    }
  };

  const showTheme = () => {
    const dark = state.get("theme") ? state.get("theme") === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    showLinks();
  };
  document.getElementById("theme").addEventListener("click", () => {
    set("theme", document.documentElement.dataset.theme === "dark" ? "light" : "dark");
    showTheme();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showTheme);
  showTheme();
  addEventListener("hashchange", () => location.reload()); // a link to another state of this page was opened

  // One axis for all searches of a page; where nobody recorded it, the first that was.
  const axes = [...document.querySelectorAll("select[name=axis]")];
  const showAxis = () => {
    for (const select of axes) {
      const recorded = [...select.options].map((option) => option.value);
      select.value = recorded.includes(state.get("axis")) ? state.get("axis") : recorded[0];
      for (const panel of select.closest(".searches").querySelectorAll("[data-axis]")) {
        panel.hidden = panel.dataset.axis !== select.value;
      }
    }
  };
  for (const select of axes) select.addEventListener("change", () => { set("axis", select.value); showAxis(); showLinks(); });
  showAxis();

  const form = document.getElementById("filters");
  if (!form) return;
  const page = (link) => link.getAttribute("href").split("#")[0];
  const chosen = (name) => form.elements[name].value;

  const filter = () => {
    let shown = 0;
    for (const board of document.querySelectorAll(".board")) {
      const budget = !chosen("budget") || board.dataset.budget === chosen("budget");
      let here = 0;
      for (const row of board.querySelectorAll("tbody tr")) {
        const { task, track, kind, method } = row.dataset;
        const control = kind === "control"; // always there to compare with
        const fits = budget && (!chosen("task") || task === chosen("task")) && (!chosen("track") || track === chosen("track"))
          && (control || !chosen("kind") || kind === chosen("kind"))
          && (control || method.toLowerCase().includes(chosen("find").toLowerCase()));
        row.hidden = !fits;
        here += fits;
      }
      board.hidden = !here;
      const links = new Set([...board.querySelectorAll("tbody tr:not([hidden]) a")].map(page));
      for (const point of board.querySelectorAll(".point")) {
        point.classList.toggle("faded", !point.dataset.links.split(" ").some((link) => links.has(link)));
      }
      shown += here;
    }
    document.getElementById("count").textContent = shown + (shown === 1 ? " row" : " rows");
    document.getElementById("nothing").hidden = shown > 0;
  };

  const sort = (key, direction) => {
    for (const table of document.querySelectorAll(".board table")) {
      const heads = [...table.tHead.rows[0].cells];
      const column = heads.findIndex((head) => head.firstElementChild.dataset.key === key);
      if (column < 0) continue; // this board has other columns
      heads.forEach((head, i) => i === column ? head.setAttribute("aria-sort", direction) : head.removeAttribute("aria-sort"));
      const value = (row) => row.cells[column].dataset.value;
      const sign = direction === "ascending" ? 1 : -1;
      const compare = (a, b) => {
        const [x, y] = [value(a), value(b)];
        if (x === "" || y === "") return (x === "") - (y === ""); // what is missing stays last
        const difference = Number(x) - Number(y);
        return sign * (Number.isNaN(difference) ? x.localeCompare(y) : difference);
      };
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
    }
  };

  for (const button of document.querySelectorAll("thead button")) {
    button.addEventListener("click", () => {
      const again = state.get("sort") === button.dataset.key && state.get("order") !== "descending";
      set("sort", button.dataset.key);
      set("order", again ? "descending" : "ascending");
      sort(state.get("sort"), state.get("order"));
    });
  }
  const read = () => {
    for (const field of form.elements) if (field.name) field.value = state.get(field.name) || "";
    if (state.get("sort")) sort(state.get("sort"), state.get("order") === "descending" ? "descending" : "ascending");
    filter();
  };
  form.addEventListener("input", (event) => { set(event.target.name, event.target.value); filter(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    for (const field of form.elements) if (field.name) { field.value = ""; set(field.name, ""); }
    filter();
  });
  read();
})();
