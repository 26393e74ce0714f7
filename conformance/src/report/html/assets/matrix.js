"use strict";
// The matrix: cases and requirements by stacks, and one view per case.

(() => {
  const { el, number, count, elapsed, shareBar, Grid, Sheet } = Shell;
  const data = JSON.parse(document.getElementById("data").textContent);
  // What the stacks have in common stands once in the page.
  for (const step of data.cases.flatMap((item) => item.cells.flatMap((cell) => cell.steps))) {
    step.what = data.texts[step.what];
    for (const list of ["expected", "others"]) step[list] = (step[list] ?? []).map((at) => data.texts[at]);
    step.frames ??= [];
  }
  const words = {
    "pass": ["agree", "✓", "pass"], "known": ["explained", "≈", "known failure"], "fail": ["diverge", "✗", "fail"],
    "unexpected-pass": ["diverge", "!", "unexpected pass"], "unsupported": ["skipped", "–", "unsupported"],
    "skipped": ["skipped", "·", "skipped"], "absent": ["skipped", " ", "not run"], "mixed": ["diverge", "≠", "in part"],
  };
  const bad = new Set(["fail", "unexpected-pass"]);
  const verdict = (word, text) => el("span", { class: `verdict${words[word][0] === "skipped" ? " plain" : ""}`, "data-verdict": words[word][0], "data-sign": words[word][1] }, text ?? words[word][2]);
  const state = { terms: [], level: "", show: "all" };
  const sheet = new Sheet();

  /// A requirement on a stack: the worst of its cases that were tried.
  const requirementRows = (() => {
    const rows = new Map();
    data.cases.forEach((item, at) => item.requirements.forEach((id) => rows.set(id, [...(rows.get(id) ?? []), at])));
    return [...rows].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true })).map(([id, cases]) => {
      const cells = data.duts.map((_, dut) => {
        const seen = cases.map((at) => data.cases[at].cells[dut].word);
        return ["fail", "unexpected-pass", "known", "pass", "unsupported", "skipped"].find((word) => seen.includes(word)) ?? "absent";
      });
      const [level, summary] = data.requirements[id] ?? ["", ""];
      return { id, level, summary, cases, cells, differs: new Set(cells.filter((word) => words[word][0] !== "skipped")).size > 1 };
    });
  })();

  const widths = `minmax(12rem, 3fr) 76px ${data.duts.map(() => "minmax(100px, 1fr)").join(" ")}`;
  const columns = (first) => [{ name: first }, { name: "Level" }, ...data.duts.map((dut) => ({ name: dut.name, title: dut.version, class: "cut" }))];
  const grids = {
    cases: new Grid({ id: "cases", label: "Cases by stacks", columns: columns("Case"), widths, height: 40,
      cells: (at) => {
        const item = data.cases[at];
        return [el("div", { class: "cut", title: item.id }, item.id), el("div", { class: "small soft" }, item.level), ...item.cells.map((cell) => el("div", {}, verdict(cell.word)))];
      },
      open: (at) => openCase(at) }),
    requirements: new Grid({ id: "requirements", label: "Requirements by stacks", columns: columns("Requirement"), widths, height: 52,
      cells: (row) => [
        el("div", {}, el("div", { class: "cut" }, row.id), el("div", { class: "cut small soft", title: row.summary }, row.summary)),
        el("div", { class: "small soft" }, row.level), ...row.cells.map((word) => el("div", {}, verdict(word)))],
      open: (row) => { search.value = row.id; search.dispatchEvent(new Event("input")); choose("cases", true); } }),
  };

  const openCase = (at, dut) => { sheet.open(() => caseView(at, dut)); history.replaceState(null, "", `#case=${data.cases[at].id}`); };

  function caseView(at, chosen) {
    const item = data.cases[at];
    const worst = item.cells.findIndex((cell) => bad.has(cell.word));
    const dut = chosen ?? (worst < 0 ? Math.max(0, item.cells.findIndex((cell) => cell.steps.length)) : worst);
    const cell = item.cells[dut];
    const frame = (number) => data.frames[number];
    const diagram = el("div", { class: "ladder-box" });
    const drawn = () => diagram.replaceChildren(cell.steps.length
      ? Exchange.draw(cell.steps, frame, data.duts[dut].name, diagram.clientWidth - 40)
      : el("p", { class: "soft" }, "It was not played here."));
    const picks = data.duts.map((it, index) => el("button", { class: "quiet pick", type: "button", "aria-pressed": String(index === dut),
      on: { click: () => sheet.replace(() => caseView(at, index)) } }, it.name, " ", verdict(item.cells[index].word)));
    const about = (one) => {
      if (one.failure) return [el("div", {}, el("strong", {}, one.failure.reason)), el("div", {}, `expected ${one.failure.expected}`), el("div", {}, `saw ${one.failure.seen}`), one.known && el("div", { class: "soft" }, `known: ${one.known.reason} (${one.known.evidence})`)];
      return one.why || (one.known ? `expected to fail: ${one.known.reason}` : "as expected");
    };
    const answers = el("table", { class: "answers" },
      el("thead", {}, el("tr", {}, el("th", {}, "Stack"), el("th", {}, "Verdict"), el("th", {}, "Seen"))),
      el("tbody", {}, data.duts.map((it, index) => el("tr", {}, el("th", { scope: "row" }, it.name, el("div", { class: "small soft" }, it.version)),
        el("td", {}, verdict(item.cells[index].word)), el("td", {}, about(item.cells[index]))))));
    const frames = cell.steps.flatMap((step, index) => [
      ...(step.stimulus ? [[`Step ${index}: in on ${step.stimulus[0]}`, step.stimulus[1]]] : []),
      ...step.frames.map(([link, number]) => [`Step ${index}: out on ${link}`, number])]);
    const order = grids.cases.items;
    const node = el("div", {},
      el("div", { class: "kicker" }, el("strong", {}, item.level), el("span", {}, item.clauses.join(", ")), el("span", { class: "soft" }, `scenario ${item.scenario}`)),
      el("h2", {}, item.id),
      item.aliases.length > 0 && el("p", { class: "facts soft small" }, `also ${item.aliases.join(", ")}`),
      el("ul", { class: "plain" }, item.requirements.map((id) => el("li", {}, el("code", {}, id), " ", data.requirements[id]?.[1] ?? ""))),
      el("div", { class: "picks", role: "group", "aria-label": "Stack shown" }, picks),
      el("h3", {}, "What was done, expected and seen"), diagram,
      el("h3", {}, "On every stack"), answers,
      cell.command && [el("h3", {}, "Again"), Shell.copyable(cell.command)],
      frames.length > 0 && [el("h3", {}, "Frames"), el("div", { class: "dumps" }, frames.slice(0, 24).map(([title, number]) =>
        el("details", {}, el("summary", { class: "dump-title" }, `${title}: ${frame(number).what}`), Octets.dump(frame(number).hex))))]);
    return { where: `Case ${at + 1} of ${data.cases.length}`, node, drawn,
      step: (by) => { const next = order[order.indexOf(at) + by]; return order.includes(at) && next !== undefined ? () => caseView(next, chosen) : undefined; } };
  }

  const theme = Shell.themeButton();
  const failing = data.cases.filter((item) => item.cells.some((cell) => bad.has(cell.word))).length;
  const differing = data.cases.filter((item) => item.differs).length;
  const masthead = el("header", { class: "masthead" },
    el("div", { class: "masthead-top" }, el("div", { class: "brand" }, "netassay ", el("span", {}, data.netassay)), theme),
    el("h1", {}, `${count(data.cases.length, "case")} on ${count(data.duts.length, "stack")}`),
    el("p", { class: "lede" }, el("strong", {}, failing ? `${count(failing, "case")} ${failing === 1 ? "goes" : "go"} otherwise than expected. ` : "Everything goes as expected. "),
      data.duts.length > 1 && `The stacks differ on ${number(differing)}.`));
  const tiles = el("section", { class: "duts", "aria-label": "Stacks" }, data.duts.map((dut) => {
    const t = dut.totals;
    return el("article", { class: "dut" }, el("h2", {}, dut.name), el("p", { class: "small soft" }, dut.version, dut.profile && `, profile ${dut.profile}`, `, ${elapsed(dut.elapsedMs)}`),
      shareBar({ agree: t.pass, explained: t.expected, diverge: t.fail - t.expected, skipped: t.unsupported + t.skipped }),
      el("ul", {}, [["pass", t.pass], ["known", t.expected], ["fail", t.fail - t.expected], ["unsupported", t.unsupported], ["skipped", t.skipped]]
        .filter(([, value]) => value > 0).map(([word, value]) => el("li", {}, verdict(word, `${number(value)} ${words[word][2]}`)))));
  }));

  const search = el("input", { type: "search", placeholder: "Case, requirement, clause, alias", "aria-label": "Filter" });
  const option = (value, text) => el("option", { value }, text);
  const level = el("select", { "aria-label": "Level" }, option("", "every level"), ["MUST", "SHOULD", "MAY"].map((it) => option(it, it)));
  const show = el("select", { "aria-label": "Cases shown" }, option("all", "all cases"), option("bad", "unexpected"), option("failing", "failing"), option("differ", "stacks differ"));
  const found = el("span", { class: "found", role: "status" });
  const tabs = Object.keys(grids).map((id) => el("button", { type: "button", role: "tab", id: `tab-${id}`, "aria-controls": `panel-${id}`, on: { click: () => choose(id) } }, id === "cases" ? "Cases" : "Requirements"));
  const toolbar = el("div", { class: "toolbar" },
    el("div", { class: "toolbar-row" }, el("div", { class: "tabs", role: "tablist", "aria-label": "Views" }, tabs), el("div", { class: "search" }, search, el("kbd", { "aria-hidden": "true" }, "/"))),
    el("div", { class: "toolbar-row filters" }, level, show, found));
  const panels = Object.fromEntries(Object.entries(grids).map(([id, grid]) => [id, el("section", { class: "panel", role: "tabpanel", id: `panel-${id}`, "aria-label": id }, grid.root)]));

  const texts = data.cases.map((item) => [item.id, ...item.requirements, ...item.clauses, ...item.aliases, item.scenario].join(" ").toLowerCase());
  const wanted = (item, text, cells) => state.terms.every((term) => text.includes(term))
    && (!state.level || item.level.startsWith(state.level))
    && (state.show === "all" || (state.show === "differ" ? item.differs : cells.some((word) => bad.has(word) || (state.show === "failing" && word === "known"))));
  function apply() {
    const cases = data.cases.map((_, at) => at).filter((at) => wanted(data.cases[at], texts[at], data.cases[at].cells.map((cell) => cell.word)));
    const rows = requirementRows.filter((row) => wanted(row, `${row.id} ${row.summary}`.toLowerCase(), row.cells));
    grids.cases.setItems(cases, "No case matches these filters.");
    grids.requirements.setItems(rows, "No requirement matches these filters.");
    found.textContent = current === "cases" ? count(cases.length, "case") : count(rows.length, "requirement");
  }

  let current = "cases";
  function choose(id, focus) {
    current = id;
    for (const [name, panel] of Object.entries(panels)) panel.hidden = name !== id;
    tabs.forEach((tab) => tab.setAttribute("aria-selected", String(tab.id === `tab-${id}`)));
    apply();
    if (focus) grids[id].node.focus();
  }

  search.addEventListener("input", () => { state.terms = search.value.toLowerCase().split(/\s+/).filter(Boolean); apply(); });
  level.addEventListener("change", () => { state.level = level.value; apply(); });
  show.addEventListener("change", () => { state.show = show.value; apply(); });
  const helpDialog = Shell.help([[["j", "k"], "next and previous"], [["Enter"], "open"], [["/"], "filter"], [["1", "2"], "cases, requirements"], [["t"], "theme"], [["Esc"], "close"]]);
  const walk = (event) => { grids[current].node.focus({ preventScroll: true }); grids[current].key(event); };
  Shell.globalKeys({ "/": () => { search.focus(); search.select(); }, "?": () => helpDialog.showModal(), t: () => theme.click(),
    1: () => choose("cases", true), 2: () => choose("requirements", true), j: walk, k: walk, ArrowDown: walk, ArrowUp: walk,
    Enter: (event) => { if (event.target === document.body) walk(event); } });
  sheet.closed = () => { history.replaceState(null, "", location.pathname); grids[current].node.focus({ preventScroll: true }); };

  const main = el("main", { id: "main", tabindex: -1 }, Object.values(panels));
  document.getElementById("page").append(masthead, tiles, toolbar, main, el("footer", {}, el("span", {}, "Drawn from one file; nothing is fetched."), el("span", {}, "? shows the keys.")), Shell.live);
  document.body.append(sheet.node, helpDialog);
  const fit = () => document.documentElement.style.setProperty("--toolbar", `${Shell.toolbarHeight()}px`);
  new ResizeObserver(fit).observe(toolbar);
  choose("cases");
  const linked = /^#case=(.+)$/.exec(location.hash);
  const at = linked ? data.cases.findIndex((item) => item.id === decodeURIComponent(linked[1])) : -1;
  if (at >= 0) openCase(at);
  document.documentElement.dataset.ready = "true";
})();
