"use strict";
// The state of the page. All of it lives in the URL's fragment, so that a link shows what its sender saw; it goes along
// to other pages of the site and back.
document.documentElement.classList.add("js");

const state = (() => {
  const read = () => new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
  const known = read();
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const get = (name) => known.get(name) || "";

  const set = (name, value) => {
    if (value) known.set(name, value); else known.delete(name);
    history.replaceState(null, "", known.size ? "#" + known : location.pathname + location.search);
  };

  const showTheme = () => {
    const theme = get("theme") || (dark.matches ? "dark" : "light");
    document.documentElement.dataset.theme = theme;
  };
  showTheme(); // before anything is painted
  dark.addEventListener("change", showTheme);

  // A link to another page of the site takes the state along, whichever way it is opened.
  const extend = (event) => {
    const link = event.target.closest?.("a[href]");
    const target = link?.getAttribute("href") ?? "";
    if (!/^[^:#]*\.html(#.*=.*)?$/.test(target)) return;
    link.setAttribute("href", target.split("#")[0] + (known.size ? "#" + known : ""));
  };
  for (const kind of ["pointerdown", "click", "contextmenu"]) addEventListener(kind, extend, true);

  // A link within the page opens what it leads to; one to another state of the page shows that state.
  const follow = () => {
    const target = location.hash.includes("=") ? null : document.getElementById(location.hash.slice(1));
    if (target?.localName === "details") target.open = true;
  };
  addEventListener("hashchange", () => {
    if (location.hash.includes("=") || !location.hash) location.reload(); else follow();
  });

  addEventListener("DOMContentLoaded", () => {
    follow();
    document.getElementById("theme").addEventListener("click", () => {
      set("theme", document.documentElement.dataset.theme === "dark" ? "light" : "dark");
      showTheme();
    });
    // The page of a search has its panels of all budget axes already.
    for (const select of document.querySelectorAll(".searches select[name=axis]")) {
      const show = () => {
        const recorded = [...select.options].map((option) => option.value);
        select.value = recorded.includes(get("axis")) ? get("axis") : recorded[0];
        for (const panel of select.closest(".searches").querySelectorAll("[data-axis]")) {
          panel.hidden = panel.dataset.axis !== select.value;
        }
      };
      select.addEventListener("change", () => { set("axis", select.value); show(); });
      show();
    }
  });
  return { get, set };
})();
