"use strict";
// Draws the plots of the index as SVG, in the width that they have, so that words keep their size on every screen.
const drawPlot = (() => {
  const CURVES = 8; // as many as have a colour and a dash of their own
  const MARKED = 150; // marks with a name, a link and an interval; further ones are dots
  const BOTTOM = 40, TOP = 12, LEFT = 52, LINE = 15; // pixels
  const measure = document.createElement("canvas").getContext("2d");

  const width = (text) => {
    measure.font = "12px system-ui, sans-serif";
    return measure.measureText(text).width;
  };
  const short = (text, room) => {
    let kept = text;
    while (kept.length > 3 && width(kept + (kept === text ? "" : "…")) > room) kept = kept.slice(0, -1);
    return kept === text ? text : kept.trimEnd() + "…";
  };
  const node = (name, attributes = {}, text = "") => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text) made.textContent = text;
    return made;
  };
  const said = (value) => Math.abs(value) >= 1e4 ? value.toExponential(0) : String(Number(value.toPrecision(3)));

  const linear = (low, high, start, end) => {
    const scale = (v) => start + (Math.min(Math.max(v, low), high) - low) / (high - low || 1) * (end - start);
    const raw = (high - low || 1) / 5, power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => (high - low) / s <= 5.001) ?? 10 * power;
    scale.ticks = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k += 1) scale.ticks.push(k * step);
    return scale;
  };
  const logarithmic = (low, high, start, end) => {
    const inner = linear(Math.log10(low), Math.log10(high), start, end);
    const scale = (v) => inner(Math.log10(Math.max(v, low)));
    const ratio = high / low, steps = ratio > 300 ? [1] : ratio > 20 ? [1, 3] : ratio > 5 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 7];
    scale.ticks = [];
    for (let decade = Math.floor(Math.log10(low)); decade <= Math.log10(high); decade += 1) {
      for (const m of steps) if (m * 10 ** decade >= low && m * 10 ** decade <= high) scale.ticks.push(m * 10 ** decade);
    }
    return scale;
  };

  const frame = (svg, x, y, right, bottom, xLabel, yLabel) => {
    for (const t of x.ticks) {
      svg.append(node("line", { class: "grid", x1: x(t), x2: x(t), y1: TOP, y2: bottom }));
      svg.append(node("text", { x: x(t), y: bottom + 15, "text-anchor": "middle" }, said(t)));
    }
    for (const t of y.ticks) {
      svg.append(node("line", { class: "grid", x1: LEFT, x2: right, y1: y(t), y2: y(t) }));
      svg.append(node("text", { x: LEFT - 5, y: y(t) + 4, "text-anchor": "end" }, said(t)));
    }
    svg.append(node("text", { x: (LEFT + right) / 2, y: bottom + 32, "text-anchor": "middle" }, xLabel));
    const middle = (TOP + bottom) / 2;
    svg.append(node("text", { x: 11, y: middle, "text-anchor": "middle", transform: `rotate(-90 11 ${middle})` }, yLabel));
  };

  const canvas = (figure, title, ratio) => {
    const wide = Math.max(280, Math.floor(figure.clientWidth)), high = Math.round(Math.min(420, Math.max(260, ratio * wide)));
    const svg = node("svg", { viewBox: `0 0 ${wide} ${high}`, width: wide, height: high, role: "img", "aria-label": title });
    return { svg, wide, high };
  };

  const MARKS = {
    control: (x, y) => `M${x} ${y - 6}l6 6l-6 6l-6 -6z`,
    baseline: (x, y) => `M${x - 4.5} ${y - 4.5}h9v9h-9z`,
    search: (x, y) => `M${x} ${y - 6}l6 10.5h-12z`,
    program: (x, y) => `M${x - 5} ${y}a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z`,
  };

  const shortcut = (figure, rows) => {
    const own = rows.filter((row) => row.shortcut);
    if (!own.length) return null;
    const { svg, wide, high } = canvas(figure, "MAE, held-out condition, against MAE, training conditions", 0.75);
    const means = own.flatMap(({ shortcut: s }) => [s[0], s[3]]).filter((v) => v > 1e-5).sort((a, b) => a - b);
    const low = (means[0] ?? 0.01) / 1.4, largest = means.at(-1) ?? 0.1, high_ = largest * 1.5;
    const right = wide - 12, bottom = high - BOTTOM;
    const x = logarithmic(low, high_, LEFT, right), y = logarithmic(low, high_, bottom, TOP);
    frame(svg, x, y, right, bottom, "MAE, training conditions", "MAE, held-out condition");
    svg.append(node("line", { class: "diagonal", x1: x(low), y1: y(low), x2: x(high_), y2: y(high_) }));
    // Marks at one place are one mark with all names; references are marked and named before the others.
    const places = new Map();
    for (const row of [...own].sort((a, b) => Boolean(b.reference) - Boolean(a.reference))) {
      const key = `${Math.round(x(row.shortcut[0]) / 3)} ${Math.round(y(row.shortcut[3]) / 3)}`;
      places.set(key, [...(places.get(key) ?? []), row]);
    }
    const boxes = [...places.values()].map(([row]) => ({ x: x(row.shortcut[0]), y: y(row.shortcut[3]), w: 14, h: 14 }))
      .map(({ x: px, y: py, w, h }) => [px - w / 2, py - h / 2, px + w / 2, py + h / 2]);
    const apart = (a, b) => a[2] < b[0] || b[2] < a[0] || a[3] < b[1] || b[3] < a[1];
    const named = [...places.values()].slice(0, 60); // whoever stands high in the table is named first
    const labels = [];
    for (const here of named) {
      const [row] = here, px = x(row.shortcut[0]), py = y(row.shortcut[3]);
      const name = short(here.length > 2 ? `${row.label} + ${here.length - 1} more` : here.map((r) => r.label).join(" = "), wide / 3);
      const w = width(name);
      const tries = [[9, 4], [-9 - w, 4], [-w / 2, -11], [-w / 2, 19], [9, -9], [-9 - w, -9], [9, 16], [-9 - w, 16]];
      for (const [dx, dy] of tries) {
        const box = [px + dx - 2, py + dy - 10, px + dx + w + 2, py + dy + 3];
        const inside = box[0] > LEFT && box[2] < right && box[1] > TOP && box[3] < bottom;
        if (inside && boxes.every((other) => apart(box, other))) {
          boxes.push(box);
          labels.push([here, name, px + dx, py + dy]);
          break;
        }
      }
      if (labels.length === 14) break;
    }
    const shown = new Map(labels.map(([here, name, lx, ly]) => [here, [name, lx, ly]]));
    const [marked, crowd] = [[...places.values()].slice(0, MARKED), [...places.values()].slice(MARKED)];
    svg.append(node("path", { class: "crowd", d: crowd.map(([{ shortcut: s }]) => `M${x(s[0]).toFixed(1)} ${y(s[3]).toFixed(1)}h0`).join("") }));
    for (const here of marked.reverse()) {
      const [row] = here, [mx, lx, hx, my, ly, hy] = row.shortcut, px = x(mx), py = y(my);
      const label = shown.get(here);
      const link = node("a", { href: row.link.getAttribute("href"), class: `point kind-${row.kind}`, tabindex: label ? 0 : -1 });
      link.append(node("title", {}, `${here.map((r) => r.name).join(", ")}: ${said(mx)} in, ${said(my)} out of distribution`));
      if (lx !== null && (label || own.length < MARKED)) {
        link.append(node("line", { class: "error", x1: x(lx), x2: x(hx), y1: py, y2: py }));
        link.append(node("line", { class: "error", x1: px, x2: px, y1: y(ly), y2: y(hy) }));
      }
      link.append(node("path", { d: MARKS[row.kind](px, py) }));
      if (label) link.append(node("text", { x: label[1], y: label[2] }, label[0]));
      svg.append(link);
    }
    return svg;
  };

  // Curves with their names at their ends, moved apart where they would meet.
  const lines = (figure, curves, total, xLabel, yLabel, { range, listed } = {}) => {
    if (!curves.length) return null;
    const { svg, wide, high } = canvas(figure, `${yLabel} over ${xLabel}`, 0.62);
    const room = Math.min(Math.max(...curves.map((c) => width(c.label))), 0.42 * wide);
    const right = wide - room - 26, bottom = high - BOTTOM;
    const ends = curves.flatMap((c) => [c.x[0], c.x.at(-1)]);
    const tops = curves.flatMap((c) => c.high ?? c.y), lows = curves.flatMap((c) => c.low ?? c.y);
    const x = linear(Math.min(...ends), Math.max(...ends), LEFT, right);
    const least = Math.min(...lows), most = Math.max(...tops);
    const y = range ? linear(...range, bottom, TOP) : least > 0 ? logarithmic(least / 1.05, 1.05 * most, bottom, TOP)
      : linear(least - 0.05 * (most - least || 1), most + 0.05 * (most - least || 1), bottom, TOP);
    frame(svg, x, y, right, bottom, xLabel, yLabel);
    const path = (xs, ys, step) => xs.map((v, i) => i === 0 ? `M${x(v).toFixed(1)} ${y(ys[i]).toFixed(1)}`
      : step ? `H${x(v).toFixed(1)}V${y(ys[i]).toFixed(1)}` : `L${x(v).toFixed(1)} ${y(ys[i]).toFixed(1)}`).join("");
    const back = (xs, ys) => xs.map((_, i) => xs.length - 1 - i)
      .map((i) => `L${x(xs[Math.min(i + 1, xs.length - 1)]).toFixed(1)} ${y(ys[i]).toFixed(1)}L${x(xs[i]).toFixed(1)} ${y(ys[i]).toFixed(1)}`).join("");
    curves.forEach((c, i) => {
      if (c.low) svg.append(node("path", { class: `band line-${i}`, d: `${path(c.x, c.high, true)}${back(c.x, c.low)}z` }));
    });
    curves.forEach((c, i) => {
      const link = node("a", { href: c.link.getAttribute("href"), class: "drawn" });
      link.append(node("title", {}, c.name));
      link.append(node("path", { class: `curve line-${i}`, d: path(c.x, c.y, c.step) }));
      c.drawn = link;
      svg.append(link);
    });
    // Names stand where their curves end, moved apart; where all end at one place, in the order of the table.
    const order = curves.map((c, i) => ({ c, i, y: listed ? TOP + 6 + LINE * i : y(c.y.at(-1)), x: x(c.x.at(-1)) }));
    order.sort((a, b) => a.y - b.y || a.i - b.i);
    let last = -LINE;
    for (const end of order) { end.at = Math.max(end.y, last + LINE); last = end.at; }
    let limit = bottom + LINE / 2;
    for (const end of [...order].reverse()) { end.at = Math.min(end.at, limit); limit = end.at - LINE; }
    for (const { c, i, y: from, x: begin, at } of order) {
      c.drawn.append(listed ? node("path", { class: `curve line-${i}`, d: `M${right + 4} ${at}h14` })
        : node("path", { class: `leader line-${i}`, d: `M${begin} ${from}L${right + 12} ${at}h6` }));
      c.drawn.append(node("text", { x: right + 21, y: at + 4 }, short(c.label, room)));
    }
    if (total > curves.length) {
      svg.append(node("text", { x: right, y: bottom - 6, "text-anchor": "end" }, `first ${curves.length} of ${total} rows`));
    }
    return svg;
  };

  const kinds = {
    shortcut,
    profile: (figure, rows) => {
      const all = rows.filter((row) => row.profile && row.kind !== "control");
      const curves = all.slice(0, CURVES).map((row) => ({ ...row, x: numbers.thresholds, y: row.profile }));
      return lines(figure, curves, all.length, "held-out error, in standard deviations", "share of seeds x groups below", { range: [0, 1], listed: true });
    },
    anytime: (figure, rows, axis) => {
      const all = rows.filter((row) => row.anytime?.[axis]);
      const curves = all.slice(0, CURVES).map((row) => {
        const [x, y, low, high] = row.anytime[axis];
        return { ...row, x, y, low, high, step: true };
      });
      return lines(figure, curves, all.length, numbers.axes[axis], "best validation loss");
    },
    reached: (figure, rows, axis) => {
      const all = rows.filter((row) => row.reached?.[axis]);
      const curves = all.slice(0, CURVES).map((row) => ({ ...row, x: row.reached[axis][0], y: row.reached[axis][1], step: true }));
      return lines(figure, curves, all.length, numbers.axes[axis], "share of seeds x targets", { range: [0, 1] });
    },
  };

  // Names without what is in brackets, where they still differ, and with the budget where one method has several.
  const label = (rows) => {
    const count = (key) => rows.reduce((found, row) => found.set(key(row), (found.get(key(row)) ?? 0) + 1), new Map());
    const bare = (row) => row.name.split(" (")[0];
    const [bares, names] = [count(bare), count((row) => row.name)];
    for (const row of rows) {
      row.label = bares.get(bare(row)) === 1 ? bare(row) : row.name;
      if (names.get(row.name) > 1 && row.budget) row.label += `, ${row.budget}`;
    }
  };

  return (figure, rows, wanted) => {
    label(rows);
    const recorded = figure.closest(".plotted").dataset.axes.split(" ");
    const drawn = kinds[figure.dataset.plot](figure, rows, recorded.includes(wanted) ? wanted : recorded[0]);
    figure.querySelector("svg, .none")?.remove();
    const none = document.createElement("p");
    Object.assign(none, { className: "none", textContent: "No row that the filters show is on this plot." });
    figure.append(drawn ?? none);
  };
})();
