(() => {
  const NS = "http://www.w3.org/2000/svg";
  const all = (what, within = document) => [...within.querySelectorAll(what)];
  const byId = (id) => document.getElementById(id);
  const brushes = new Map();
  const chosen = {};
  let data;

  function element(kind, attributes, text = "") {
    const made = document.createElementNS(NS, kind);
    Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
    made.textContent = text;
    return made;
  }
  const part = (share) => `${(100 * share).toFixed(2)}%`;

  function fillSelect(select, axes, first, none) {
    const before = chosen[select.id] ?? first;
    select.replaceChildren(...(none ? [new Option(none, -1)] : []), ...axes.map((axis) => new Option(axis.title, data.axes.indexOf(axis))));
    select.value = before;
    chosen[select.id] = +select.value;
    select.onchange = () => { chosen[select.id] = +select.value; drawFront(); };
  }

  // The front of all designs by the two axes alone, as stairs.
  function stairs(x, y) {
    const cost = (axis, i) => (axis.is_rate ? 1 - axis.at[i] : axis.at[i]);
    const kept = data.ids.map((_, i) => i).filter((i) => data.kept[i] && x.at[i] !== null && y.at[i] !== null);
    kept.sort((a, b) => cost(x, a) - cost(x, b) || cost(y, a) - cost(y, b));
    const found = [];
    let best = Infinity;
    for (const i of kept) if (cost(y, i) < best) { best = cost(y, i); found.push(i); }
    return found;
  }

  function drawFront() {
    const [x, y, colour] = [data.axes[chosen.x], data.axes[chosen.y], data.axes[chosen.colour]];
    const made = [];
    for (const [at, text] of x.ticks) {
      made.push(element("line", { class: "grid", x1: part(at), x2: part(at), y1: "0%", y2: "100%" }));
      made.push(element("text", { class: "tick below", x: part(at), y: "100%", dy: 16 }, text));
    }
    for (const [at, text] of y.ticks) {
      made.push(element("line", { class: "grid", x1: "0%", x2: "100%", y1: part(1 - at), y2: part(1 - at) }));
      made.push(element("text", { class: "tick beside", x: 0, y: part(1 - at), dx: -6, dy: 4 }, text));
    }
    for (const [at, text] of x.limits) {
      made.push(element("line", { class: "limit", x1: part(at), x2: part(at), y1: "0%", y2: "100%" }));
      made.push(element("text", { class: `limit-name${at > 0.7 ? " left" : ""}`, x: part(at), y: 12, dx: at > 0.7 ? -5 : 5 }, text));
    }
    for (const [at, text] of y.limits) {
      made.push(element("line", { class: "limit", x1: "0%", x2: "100%", y1: part(1 - at), y2: part(1 - at) }));
      made.push(element("text", { class: "limit-name", x: 5, y: part(1 - at), dy: -5 }, text));
    }
    const step = stairs(x, y);
    step.forEach((i, n) => {
      if (!n) return;
      const before = step[n - 1];
      made.push(element("line", { class: "stair", x1: part(x.at[before]), x2: part(x.at[i]), y1: part(1 - y.at[before]), y2: part(1 - y.at[before]) }));
      made.push(element("line", { class: "stair", x1: part(x.at[i]), x2: part(x.at[i]), y1: part(1 - y.at[before]), y2: part(1 - y.at[i]) }));
    });
    const order = data.ids.map((_, i) => i).sort((a, b) => data.front[a] - data.front[b]);
    for (const i of order) {
      if (x.at[i] === null || y.at[i] === null) continue;
      const tint = data.front[i] ? ` c-${tone(colour, i)}` : "";
      const at = { "data-place": i, "data-tip": data.said[i] };
      if (data.kept[i]) {
        made.push(element("circle", { ...at, class: `design${data.front[i] ? " front" : ""}${tint}`, cx: part(x.at[i]), cy: part(1 - y.at[i]), r: data.front[i] ? 6 : 3 }));
      } else {
        made.push(element("text", { ...at, class: "design broken", x: part(x.at[i]), y: part(1 - y.at[i]), dy: 4 }, "×"));
      }
    }
    if (x.base !== null && y.base !== null) {
      made.push(element("text", { class: "base", x: part(x.base), y: part(1 - y.base), dy: 6, "data-tip": "the base design: the accelerator of the space as it is" }, "◆"));
      made.push(element("text", { class: `base-name${x.base > 0.8 ? " left" : ""}`, x: part(x.base), y: part(1 - y.base), dx: x.base > 0.8 ? -11 : 11, dy: 4 }, "base"));
    }
    const plot = byId("front");
    plot.querySelector("svg").replaceChildren(...made);
    plot.querySelector(".axis-x").textContent = x.title;
    plot.querySelector(".axis-y").textContent = y.title;
    byId("colours").replaceChildren(...legend(colour));
    mark();
  }
  function tone(axis, i) {
    if (!axis || axis.at[i] === null) return 8;
    const places = axis.ticks.map(([at]) => at);
    const nearest = places.reduce((best, at, n) => (Math.abs(at - axis.at[i]) < Math.abs(places[best] - axis.at[i]) ? n : best), 0);
    return nearest % 8;
  }
  function legend(axis) {
    if (!axis) return [];
    return axis.ticks.map(([, text], n) => {
      const item = document.createElement("li");
      const swatch = document.createElement("i");
      swatch.className = `swatch round c-${n % 8}`;
      item.append(swatch, `${axis.title} ${text}`);
      return item;
    });
  }

  // Parallel coordinates: a path per design, an axis that can be brushed per metric and parameter.
  const HIGH = 1000;
  function drawParallel() {
    const axes = data.axes;
    const others = data.ids.map((_, i) => i).filter((i) => !data.front[i] && data.kept[i]);
    const step = Math.max(1, Math.ceil(others.length / 500));
    const shown = [...others.filter((_, n) => n % step === 0), ...data.ids.map((_, i) => i).filter((i) => data.front[i])];
    const svg = element("svg", { viewBox: `0 0 ${HIGH} ${HIGH}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    const place = (n) => ((n + 0.5) / axes.length) * HIGH;
    for (const i of shown) {
      let pen = "M";
      const path = axes.map((axis, n) => {
        if (axis.at[i] === null) { pen = "M"; return ""; }
        const point = `${pen}${place(n).toFixed(1)} ${(HIGH * (1 - axis.at[i])).toFixed(1)}`;
        pen = "L";
        return point;
      }).join("");
      svg.append(element("path", { d: path, class: `line${data.front[i] ? " front" : ""}`, "data-place": i }));
    }
    const columns = axes.map((axis, n) => column(axis, n, axes.length));
    const box = byId("parallel");
    box.style.minWidth = `${axes.length * 92}px`;
    box.replaceChildren(svg, ...columns);
  }
  function column(axis, n, count) {
    const made = document.createElement("div");
    made.className = "axis";
    made.style.left = part((n + 0.5) / count);
    made.style.width = `${100 / count}%`;
    made.tabIndex = 0;
    made.setAttribute("role", "slider");
    made.setAttribute("aria-label", `designs kept by ${axis.title}`);
    made.setAttribute("aria-valuemin", 0);
    made.setAttribute("aria-valuemax", 100);
    made.setAttribute("aria-valuenow", 50);
    made.setAttribute("aria-valuetext", "all");
    made.dataset.axis = n;
    const title = document.createElement("b");
    title.textContent = axis.title;
    const brush = document.createElement("span");
    brush.className = "brush";
    brush.hidden = true;
    made.append(title, brush, ...axis.ticks.map(([at, text]) => {
      const tick = document.createElement("span");
      tick.className = "tick";
      tick.style.top = part(1 - at);
      tick.textContent = text;
      return tick;
    }));
    let from = null;
    const share = (event) => { const box = made.getBoundingClientRect(); return 1 - (event.clientY - box.top) / box.height; };
    made.addEventListener("pointerdown", (event) => { from = share(event); made.setPointerCapture(event.pointerId); event.preventDefault(); made.focus({ preventScroll: true }); });
    made.addEventListener("pointermove", (event) => { if (from !== null) keep(n, from, share(event)); });
    made.addEventListener("pointerup", (event) => {
      if (from !== null && Math.abs(share(event) - from) < 0.01) keep(n, null);
      from = null;
    });
    made.addEventListener("keydown", (event) => byKey(event, n));
    return made;
  }
  function byKey(event, n) {
    const [low, high] = brushes.get(n) || [0, 1];
    const moves = { ArrowUp: [0.05, 0.05], ArrowDown: [-0.05, -0.05], "+": [-0.05, 0.05], "-": [0.05, -0.05] };
    if (event.key === "Escape") return keep(n, null);
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    const whole = low === 0 && high === 1;
    if (whole && event.key === "ArrowUp") keep(n, 0.5, 1);
    else if (whole && event.key === "ArrowDown") keep(n, 0, 0.5);
    else keep(n, Math.min(low + move[0], high), Math.max(high + move[1], low));
  }
  function keep(n, a, b) {
    if (a === null) brushes.delete(n);
    else brushes.set(n, [Math.max(0, Math.min(a, b)), Math.min(1, Math.max(a, b))]);
    showBrush(n);
    mark();
  }
  function showBrush(n) {
    const axis = document.querySelector(`.axis[data-axis="${n}"]`);
    const brush = axis.querySelector(".brush");
    const range = brushes.get(n);
    brush.hidden = !range;
    if (range) { brush.style.top = part(1 - range[1]); brush.style.height = part(range[1] - range[0]); }
    axis.setAttribute("aria-valuenow", range ? Math.round(50 * (range[0] + range[1])) : 50);
    axis.setAttribute("aria-valuetext", range ? `from ${Math.round(100 * range[0])}% to ${Math.round(100 * range[1])}% of the axis` : "all");
  }
  function isKept(i) {
    return [...brushes].every(([n, [low, high]]) => {
      const at = data.axes[n].at[i];
      return at !== null && low <= at && at <= high;
    });
  }
  function mark() {
    const kept = data.ids.map((_, i) => isKept(i));
    all("#study [data-place]").forEach((one) => one.classList.toggle("out", !kept[one.dataset.place]));
    if (!brushes.size) { byId("brushed").textContent = byId("brushed").dataset.all; return; }
    const front = kept.filter((is, i) => is && data.front[i]).length;
    byId("brushed").textContent = `${front} of ${data.front.filter(Boolean).length} designs of the front are kept, ${kept.filter(Boolean).length} of all ${kept.length}.`;
  }
  function pick(place, is) {
    all(`#study [data-place="${place}"]`).forEach((one) => one.classList.toggle("picked", is));
  }

  function begin() {
    if (!byId("data")) return;
    data = JSON.parse(byId("data").textContent);
    byId("brushed").dataset.all = byId("brushed").textContent;
    const metrics = data.axes.filter((axis) => axis.is_metric);
    const parameters = data.axes.filter((axis) => !axis.is_metric);
    fillSelect(byId("x"), metrics, data.x);
    fillSelect(byId("y"), metrics, data.y);
    fillSelect(byId("colour"), parameters, data.colour, "none");
    drawParallel();
    drawFront();
    [...brushes.keys()].forEach(showBrush);
    byId("clear").onclick = () => { const held = [...brushes.keys()]; brushes.clear(); held.forEach(showBrush); mark(); };
  }
  for (const [kind, is] of [["pointerover", true], ["pointerout", false]]) {
    addEventListener(kind, (event) => {
      const one = event.target.closest?.("#study [data-place]");
      if (one) pick(one.dataset.place, is);
    });
  }
  begin();

  // A page that is served while the study runs asks for itself now and then, and shows what is new.
  async function follow() {
    let text;
    try { text = await (await fetch("", { cache: "no-store" })).text(); } catch {
      all(".live").forEach((one) => { one.textContent = "The run has ended or was stopped; the page shows how it stood."; });
      return;
    }
    const next = new DOMParser().parseFromString(text, "text/html");
    const head = next.getElementById("head");
    if (head.innerHTML !== byId("head").innerHTML) {
      byId("head").replaceWith(head);
      const [old, study] = [byId("study"), next.getElementById("study")];
      if (study && old) old.replaceWith(study);
      else if (study) document.querySelector("main").append(study);
      begin();
    }
    if (head.querySelector("[data-runs]")) setTimeout(follow, 2000);
  }
  if (document.querySelector("[data-runs]")) setTimeout(follow, 2000);
})();
