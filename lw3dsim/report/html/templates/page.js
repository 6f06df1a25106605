"use strict";
(() => {
  const all = (what, within = document) => [...within.querySelectorAll(what)];
  const told = document.getElementById("told");
  const tip = document.getElementById("tip");

  // What stands beside the pointer, or below what has the focus.
  function show(text, x, y) {
    tip.textContent = text;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = x + 16 + box.width > innerWidth ? x - box.width - 12 : x + 16;
    tip.style.left = `${Math.max(4, Math.min(left, innerWidth - box.width - 4))}px`;
    tip.style.top = `${Math.max(4, Math.min(y + 14, innerHeight - box.height - 4))}px`;
  }
  const hide = () => { tip.hidden = true; };
  const said = (place) => place.dataset.tip || place.querySelector("[aria-label]").getAttribute("aria-label");
  addEventListener("pointermove", (event) => {
    const place = event.target.closest?.("[data-tip]");
    const slice = event.target.closest?.(".timeline .drawing");
    if (place) show(said(place), event.clientX, event.clientY);
    else if (slice) show(sliceAt(slice, event), event.clientX, event.clientY);
    else hide();
  });
  addEventListener("focusin", (event) => {
    const row = event.target.closest(".bars li");
    if (!row || !event.target.matches(":focus-visible")) return hide();
    const box = row.getBoundingClientRect();
    show(said(row.querySelector("[data-tip]")), box.left + box.width / 3, box.bottom - 8);
  });
  addEventListener("focusout", hide);
  addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });

  // Buttons of which one is pressed.
  function press(button) {
    all("button", button.parentElement).forEach((one) => one.setAttribute("aria-pressed", String(one === button)));
  }
  all(".choice[data-target]").forEach((choice) => choice.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    press(button);
    const target = document.getElementById(choice.dataset.target);
    target.dataset[choice.dataset.name] = button.value;
    if (choice.dataset.name === "order") all(".bars", target).forEach((list) => reorder(list, button.value));
  }));
  function reorder(list, order) {
    const key = (row) => (order === "size" ? -row.dataset.size : +row.dataset.place);
    all(":scope > li", list).sort((a, b) => key(a) - key(b)).forEach((row) => list.append(row));
  }
  all(".choice[data-views]").forEach((choice) => choice.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    press(button);
    all("button", choice).forEach((one) => { document.getElementById(one.value).hidden = one !== button; });
  }));

  // One layer from close by.
  const look = document.getElementById("look");
  function see(place) {
    look.value = place;
    all(".look").forEach((one) => { one.hidden = one.dataset.look !== String(place); });
  }
  if (look) {
    see(all(".look").find((one) => !one.hidden).dataset.look);
    look.addEventListener("change", () => see(look.value));
    all("a[data-look]").forEach((link) => link.addEventListener("click", () => see(link.dataset.look)));
  }

  // Timelines: what lies under the pointer, and zoom.
  function sliceAt(drawing, event) {
    const figure = drawing.closest(".timeline");
    const [begin, end] = [+figure.dataset.begin, +figure.dataset.end];
    const box = drawing.getBoundingClientRect();
    const at = (event.clientX - box.left) / box.width;
    const cycle = begin + at * (end - begin);
    const row = all(".rows li", figure)[Math.floor((event.clientY - box.top) / 24)]?.textContent;
    const text = (value) => Math.round(value).toLocaleString("en");
    let found = "";
    for (const path of all("path[data-row]", drawing)) {
      if (path.dataset.row !== row) continue;
      found = found || (path.matches(".fill") ? path.dataset.label : "");
      for (const [, x, w] of path.getAttribute("d").matchAll(/M(\d+) [\d.]+h(\d+)/g)) {
        if (+x <= at * 20000 && at * 20000 <= +x + +w) {
          const from = begin + (x / 20000) * (end - begin);
          found = `${path.dataset.label}\n${text((w / 20000) * (end - begin))} cycles from ${text(from)} on`;
        }
      }
    }
    return `${row}${found ? `: ${found}` : ""}\ncycle ${text(cycle)}`;
  }
  function zoom(figure, factor, at = 0.5) {
    const pane = figure.querySelector(".window");
    const before = +(figure.dataset.zoom || 1);
    const now = factor === 0 ? 1 : Math.max(1, Math.min(64, before * factor));
    const centre = (pane.scrollLeft + at * pane.clientWidth) / pane.scrollWidth;
    figure.dataset.zoom = now;
    figure.style.setProperty("--zoom", now);
    pane.scrollLeft = centre * pane.scrollWidth - at * pane.clientWidth;
    ticks(figure, now);
  }
  function ticks(figure, scale) {
    const [begin, end] = [+figure.dataset.begin, +figure.dataset.end];
    const pane = figure.querySelector(".window");
    const wanted = (end - begin) / (Math.max(2, pane.clientWidth / 130) * scale);
    const power = 10 ** Math.floor(Math.log10(wanted));
    const step = power * [1, 2, 5, 10].find((digit) => digit * power >= wanted);
    const spans = [];
    for (let at = Math.ceil(begin / step) * step; at <= end; at += step) {
      const span = document.createElement("span");
      span.style.left = `${(100 * (at - begin)) / (end - begin)}%`;
      span.textContent = (+at.toFixed(3)).toLocaleString("en");
      spans.push(span);
    }
    figure.querySelector(".ticks").replaceChildren(...spans);
  }
  all(".timeline").forEach((figure) => {
    new ResizeObserver(() => ticks(figure, +(figure.dataset.zoom || 1))).observe(figure.querySelector(".window"));
    all("[data-zoom]", figure).forEach((button) => button.addEventListener("click", () => zoom(figure, +button.dataset.zoom)));
    figure.querySelector(".window").addEventListener("keydown", (event) => {
      const factor = { "+": 2, "=": 2, "-": 0.5, "0": 0 }[event.key];
      if (factor !== undefined) { event.preventDefault(); zoom(figure, factor); }
    });
    figure.querySelector(".window").addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.altKey) return;
      event.preventDefault();
      const box = event.currentTarget.getBoundingClientRect();
      zoom(figure, event.deltaY < 0 ? 1.5 : 1 / 1.5, (event.clientX - box.left) / box.width);
    }, { passive: false });
  });

  // Tables sort by what their cells are, or say that they are.
  all("table.sorts").forEach((table) => table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (!head) return;
    const falls = head.getAttribute("aria-sort") !== "descending" && !head.classList.contains("text");
    const rises = head.getAttribute("aria-sort") !== "ascending";
    const order = head.classList.contains("text") ? (rises ? 1 : -1) : falls ? -1 : 1;
    all("th", table).forEach((one) => one.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", order > 0 ? "ascending" : "descending");
    const value = (row) => { const cell = row.cells[head.cellIndex]; return cell.dataset.sort ?? cell.textContent; };
    const rows = [...table.tBodies[0].rows];
    const compare = (a, b) => (isNaN(a) || isNaN(b) ? String(a).localeCompare(b, "en", { numeric: true }) : a - b);
    rows.sort((a, b) => order * compare(value(a), value(b))).forEach((row) => table.tBodies[0].append(row));
  }));

  // Copy buttons.
  addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const text = button.dataset.copy === "next" ? button.nextElementSibling.textContent : button.dataset.copy;
    try { await navigator.clipboard.writeText(text); } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const label = button.textContent;
    button.textContent = "copied";
    told.textContent = "copied";
    setTimeout(() => { button.textContent = label; told.textContent = ""; }, 1200);
  });

  // On paper everything is open.
  addEventListener("beforeprint", () => all("details").forEach((one) => { one.open = true; }));
})();
