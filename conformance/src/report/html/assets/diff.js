// The report of a comparison of two DUTs: reads the data, draws the page, filters.

(() => {
  const { el, tag, number, count, percent, elapsed, shareBar, Grid, Sheet, printable } = Shell;
  const data = JSON.parse(document.getElementById("data").textContent);
  const model = index(data);
  const everyVerdict = ["diverge", "explained", "agree", "skipped"];
  const state = { terms: [], scenario: -1, dimension: "", verdicts: new Set(everyVerdict), row: -1 };

  /// What the data implies: packets as flat arrays, and which cause shows in which row. A verdict that the ledger
  /// explains names its entries and not its causes, so for explained causes only the entries can be counted by row.
  function index(data) {
    const causesByLedger = new Map();
    data.causes.forEach((cause, at) => cause.ledger.forEach((id) => causesByLedger.set(id, [...(causesByLedger.get(id) ?? []), at])));
    const causesOfVerdict = data.verdicts.map((verdict) =>
      verdict.diverge ?? [...new Set(verdict.explained.flatMap((id) => causesByLedger.get(id) ?? []))]);
    const total = data.rows.reduce((sum, row) => sum + row.verdicts.length / 2, 0);
    const packets = { length: total, row: new Uint32Array(total), packet: new Float64Array(total), verdict: new Uint32Array(total) };
    const rowsOfCause = data.causes.map(() => new Map());
    const causesOfRow = data.rows.map(() => new Map());
    const rowsOfLedger = new Map();
    const ledgerOfRow = data.rows.map(() => new Map());
    const increment = (map, key) => map.set(key, (map.get(key) ?? 0) + 1);
    let at = 0;
    data.rows.forEach((row, rowIndex) => {
      let packet = 0;
      for (let i = 0; i < row.verdicts.length; i += 2, at += 1) {
        packet += row.verdicts[i];
        const verdict = row.verdicts[i + 1];
        [packets.row[at], packets.packet[at], packets.verdict[at]] = [rowIndex, packet, verdict];
        for (const cause of data.verdicts[verdict].diverge ?? []) {
          increment(rowsOfCause[cause], rowIndex);
          increment(causesOfRow[rowIndex], cause);
        }
        for (const id of data.verdicts[verdict].explained ?? []) {
          if (!rowsOfLedger.has(id)) rowsOfLedger.set(id, new Map());
          increment(rowsOfLedger.get(id), rowIndex);
          increment(ledgerOfRow[rowIndex], id);
        }
      }
    });
    const cells = data.captures.map(() => new Map());
    data.rows.forEach((row, rowIndex) => cells[row.capture].set(row.scenario, rowIndex));
    const rowName = (row) => data.captures[data.rows[row].capture];
    const skippedOf = (row) => row.skips.reduce((sum, [, packets]) => sum + packets, 0);
    const verdictOfRow = (row) => (row.diverge ? "diverge" : row.explained ? "explained" : row.compared ? "agree" : "skipped");
    // Rows in which a cause may show, and causes that may show in a row: what the filters go by.
    const mayShow = data.causes.map((cause, at) => new Set([...rowsOfCause[at].keys(), ...cause.ledger.flatMap((id) => [...(rowsOfLedger.get(id)?.keys() ?? [])])]));
    const causesInRow = data.rows.map(() => []);
    mayShow.forEach((rows, cause) => rows.forEach((row) => causesInRow[row].push(cause)));
    return { data, causesByLedger, causesOfVerdict, packets, rowsOfCause, causesOfRow, rowsOfLedger, ledgerOfRow, mayShow, causesInRow, cells, rowName, skippedOf, verdictOfRow, onlyRow };
  }

  // What the search looks through, in lower case, made when first needed.
  const lazily = (make) => { let made; return () => (made ??= make()); };
  const causeTexts = lazily(() => data.causes.map((cause, at) => [
    cause.title, cause.fingerprint, cause.dimension, ...cause.ledger, ...cause.examples.flatMap((e) => e.fields.flat()),
    ...[...model.mayShow[at]].map(model.rowName)].join("\n").toLowerCase()));
  const causeOwnTexts = lazily(() => data.causes.map((cause) => [cause.title, cause.fingerprint, cause.dimension, ...cause.ledger].join("\n").toLowerCase()));
  const verdictTexts = lazily(() => data.verdicts.map((verdict, at) =>
    [...(verdict.explained ?? []), ...model.causesOfVerdict[at].map((cause) => causeOwnTexts()[cause])].join("\n").toLowerCase()));
  const rowTexts = lazily(() => data.rows.map((row, at) => `${model.rowName(at)}\n${data.scenarios[row.scenario]}`.toLowerCase()));
  const captureTexts = lazily(() => data.captures.map((name, at) => [name, ...[...model.cells[at].values()].flatMap((row) =>
    [...data.rows[row].notes, data.rows[row].error ?? "", ...data.rows[row].skips.map(([reason]) => reason), ...model.causesInRow[row].map((cause) => causeOwnTexts()[cause])])].join("\n").toLowerCase()));

  const has = (text) => state.terms.every((term) => text.includes(term));

  function matchingCauses() {
    return data.causes.map((_, at) => at).filter((at) => {
      const cause = data.causes[at];
      const rows = model.mayShow[at];
      return state.verdicts.has(cause.ledger.length ? "explained" : "diverge")
        && (!state.dimension || cause.dimension === state.dimension)
        && (state.scenario < 0 || [...rows].some((row) => data.rows[row].scenario === state.scenario))
        && (state.row < 0 || rows.has(state.row))
        && has(causeTexts()[at]);
    });
  }

  function matchingCaptures() {
    const whole = state.verdicts.size === everyVerdict.length;
    const shown = (row) => whole || [...state.verdicts].some((verdict) => (verdict === "skipped" ? model.skippedOf(row) : row[verdict]) > 0);
    const dimension = (row) => !state.dimension || model.causesInRow[row].some((cause) => data.causes[cause].dimension === state.dimension);
    return data.captures.map((_, at) => at).filter((at) => {
      const rows = [...model.cells[at]].filter(([scenario, row]) => (state.scenario < 0 || scenario === state.scenario) && (state.row < 0 || row === state.row));
      return rows.some(([, row]) => shown(data.rows[row]) && dimension(row)) && has(captureTexts()[at]);
    });
  }

  function matchingPackets() {
    const verdictFits = data.verdicts.map((verdict, at) => state.verdicts.has(verdict.diverge ? "diverge" : "explained")
      && (!state.dimension || model.causesOfVerdict[at].some((cause) => data.causes[cause].dimension === state.dimension)));
    const rowFits = data.rows.map((row, at) => (state.scenario < 0 || row.scenario === state.scenario) && (state.row < 0 || at === state.row));
    const inVerdict = state.terms.map((term) => verdictTexts().map((text) => text.includes(term)));
    const inRow = state.terms.map((term) => rowTexts().map((text) => text.includes(term)));
    const { length, row, verdict, packet } = model.packets;
    const numbers = state.terms.map((term) => (/^[:#]\d+$/.test(term) ? Number(term.slice(1)) : NaN));
    const found = [];
    for (let at = 0; at < length; at += 1) {
      if (!verdictFits[verdict[at]] || !rowFits[row[at]]) continue;
      if (state.terms.every((_, t) => inVerdict[t][verdict[at]] || inRow[t][row[at]] || packet[at] === numbers[t])) found.push(at);
    }
    return found;
  }

  const place = (example) => `${data.captures[example.capture]}:${example.packet}`;
  const sheet = new Sheet();
  const views = new Detail.Views(model, (view) => sheet.open(view));
  let causeOrder = [];

  const grids = {
    causes: new Grid({
      id: "causes", label: "Causes", height: 58, widths: "4.2rem minmax(0, 1fr) 7.5rem 4.6rem 7.5rem",
      columns: [{ name: "Packets", class: "right" }, { name: "What differs, and where first" }, { name: "Dimension", class: "wide" }, { name: "Captures", class: "right wide" }, { name: "Verdict" }],
      cells: (at) => {
        const cause = data.causes[at];
        const first = cause.examples[0];
        return [el("div", { class: "right strong" }, number(cause.count)),
          el("div", {}, el("div", { class: "cut strong" }, cause.title), el("div", { class: "cut soft small" }, first ? `${data.scenarios[first.scenario]} · ${place(first)}` : "", cause.ledger.length > 0 && ` · ${cause.ledger.join(", ")}`)),
          el("div", { class: "wide" }, cause.dimension), el("div", { class: "right wide" }, number(cause.captures)), el("div", {}, tag(cause.ledger.length ? "explained" : "diverge"))];
      },
      open: (at) => openSheet(views.cause(at, { order: causeOrder }), `cause=${data.causes[at].fingerprint}`),
    }),
    captures: new Grid({
      id: "captures", label: "Captures by scenarios", height: 50, lateral: 1, columns: [], widths: "",
      cells: (at) => [el("div", { class: "cut capture" }, data.captures[at]), ...shownScenarios().map((scenario) => matrixCell(model.cells[at].get(scenario)))],
      open: (at, column) => {
        const row = model.cells[at].get(shownScenarios()[column - 1]);
        if (row !== undefined) openSheet(views.row(row));
      },
    }),
    packets: new Grid({
      id: "packets", label: "Packets that do not plainly agree", height: 40, widths: "4.2rem minmax(0, 1fr) 6.5rem minmax(0, 1.3fr) 7.5rem",
      columns: [{ name: "Packet", class: "right" }, { name: "Capture" }, { name: "Scenario", class: "wide" }, { name: "Cause or ledger entry" }, { name: "Verdict" }],
      cells: (at) => {
        const { row, packet, verdict } = model.packets;
        const found = data.verdicts[verdict[at]];
        const why = found.explained ? found.explained.join(", ") : found.diverge.map((cause) => data.causes[cause].title).join("; ");
        return [el("div", { class: "right strong" }, number(packet[at])), el("div", { class: "cut" }, model.rowName(row[at])),
          el("div", { class: "wide" }, data.scenarios[data.rows[row[at]].scenario]), el("div", { class: "cut" }, why), el("div", {}, tag(found.diverge ? "diverge" : "explained"))];
      },
      open: (at) => {
        const { row, packet, verdict } = model.packets;
        openSheet(views.packet(row[at], packet[at], verdict[at]));
      },
    }),
  };

  const shownScenarios = () => (state.scenario < 0 ? data.scenarios.map((_, at) => at) : [state.scenario]);

  function matrixCell(rowIndex) {
    if (rowIndex === undefined) return el("div", { class: "cell none soft" }, "not run");
    const row = data.rows[rowIndex];
    const verdict = model.verdictOfRow(row);
    const packets = { agree: row.agree, explained: row.explained, diverge: row.diverge, skipped: model.skippedOf(row) };
    return el("div", { class: "cell", "data-verdict": verdict, title: Object.entries(packets).map(([name, n]) => `${number(n)} ${name}`).join(", ") },
      el("div", { class: "cell-line" }, el("span", { class: "cell-word" }, `${Shell.signs[verdict]} ${verdict}`), el("span", { class: "cell-count" }, number(packets[verdict])), row.error && el("span", { class: "warn", title: row.error }, "early end")),
      shareBar(packets));
  }

  function setMatrixColumns() {
    const scenarios = shownScenarios();
    grids.captures.columns = [{ name: "Capture" }, ...scenarios.map((at) => ({ name: data.scenarios[at] }))];
    grids.captures.column = 1;
    grids.captures.head.replaceChildren(...grids.captures.columns.map((column) => el("div", { role: "columnheader" }, column.name)));
    grids.captures.node.setAttribute("aria-colcount", scenarios.length + 1);
    grids.captures.node.style.setProperty("--columns", `minmax(9rem, 1.6fr) repeat(${scenarios.length}, minmax(6.6rem, 1fr))`);
    grids.captures.node.style.setProperty("--least", `${10 + 7.8 * scenarios.length}rem`);
  }

  function openSheet(view, hash) {
    sheet.open(view);
    setHash(hash ?? "");
  }

  function setHash(hash) {
    try { history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search); } catch { /* Some browsers forbid it for files. */ }
  }

  // The page, from top to bottom.

  const compared = data.totals.agree + data.totals.explained + data.totals.diverge;
  const unexplained = data.causes.filter((cause) => !cause.ledger.length).length;
  const broken = data.rows.filter((row) => row.error);

  function lede() {
    const { diverge, explained } = data.totals;
    const parts = [];
    if (diverge) parts.push(el("strong", {}, `${count(diverge, "packet")} ${diverge === 1 ? "diverges" : "diverge"}`), ` for ${count(unexplained, "cause")} that no ledger entry explains.`);
    else if (compared) parts.push(el("strong", {}, "No unexplained difference"), ` in ${count(compared, "compared packet")}.`);
    else parts.push(el("strong", {}, "Nothing was compared."));
    if (explained) parts.push(` ${count(explained, "packet")} ${explained === 1 ? "differs" : "differ"} for reasons that the ledger gives.`);
    if (broken.length) parts.push(` ${count(broken.length, "trace")} ended early.`);
    if (data.partition) parts.push(` This is part ${data.partition.part} of ${data.partition.of}.`);
    return el("p", { class: "lede" }, parts);
  }

  function tile(name, value, note, verdict) {
    return el("div", { class: "tile", "data-verdict": verdict, "data-zero": verdict && value === 0 },
      el("dt", {}, verdict && el("span", { class: "dot" }), name), el("dd", {}, number(value), el("small", {}, note)));
  }

  const helpDialog = Shell.help([
    [["/"], "search"], [["j", "k"], "next and previous, arrows too"], [["←", "→"], "scenario, among the captures"], [["Enter"], "open"], [["Esc"], "close; in the search, clear"],
    [["1", "2", "3", "4"], "causes, captures, packets, not compared"], [["t"], "theme"], [["?"], "this"]]);
  const theme = Shell.themeButton();

  const letter = (side) => el("span", { class: `letter side-${side.toLowerCase()}` }, side);
  const masthead = el("header", { class: "masthead" },
    el("div", { class: "masthead-top" }, el("div", { class: "brand" }, "netassay ", el("span", {}, data.netassay)),
      el("button", { class: "quiet", type: "button", on: { click: () => helpDialog.showModal() } }, "Keys ", el("kbd", {}, "?")), theme),
    el("h1", {}, letter("A"), data.a, el("span", { class: "versus" }, " against "), letter("B"), data.b),
    lede());

  const { totals } = data;
  const tiles = el("section", { "aria-label": "Totals" },
    el("dl", { class: "tiles" },
      tile("Traces", totals.traces, `${count(data.captures.length, "capture")}, ${count(data.scenarios.length, "scenario")}`), tile("Packets", totals.packets, `in ${elapsed(data.elapsedMs)}`),
      tile("Agree", totals.agree, percent(totals.agree, totals.packets), "agree"), tile("Explained", totals.explained, percent(totals.explained, totals.packets), "explained"),
      tile("Diverge", totals.diverge, percent(totals.diverge, totals.packets), "diverge"), tile("Skipped", totals.skipped, percent(totals.skipped, totals.packets), "skipped")),
    shareBar({ agree: totals.agree, explained: totals.explained, diverge: totals.diverge, skipped: totals.skipped }));

  const search = el("input", { type: "search", id: "search", placeholder: "Search", "aria-label": "Search causes, captures and packets", autocomplete: "off", spellcheck: "false" });
  const found = el("span", { class: "found", id: "found", role: "status", "aria-live": "polite" });
  const select = (id, label, all, values) => el("label", {}, el("span", { class: "unseen" }, label),
    el("select", { id }, el("option", { value: "" }, all), values.map(([value, text]) => el("option", { value }, text))));
  const scenarioSelect = select("scenario", "Scenario", "All scenarios", data.scenarios.map((name, at) => [String(at), name]));
  const dimensionSelect = select("dimension", "Dimension", "All dimensions", data.dimensions.map((name) => [name, name]));
  const chips = everyVerdict.map((verdict) => el("button", { class: "chip", type: "button", id: `chip-${verdict}`, "data-verdict": verdict, "aria-pressed": "true" }, el("span", { class: "dot" }), verdict));
  const rowChip = el("button", { class: "chip only", type: "button", hidden: true, on: { click: () => { state.row = -1; apply(); } } });

  const tabs = [["causes", "Causes"], ["captures", "Captures"], ["packets", "Packets"], ["rest", "Not compared"]].map(([id, name], at) => {
    const small = el("small");
    const button = el("button", { type: "button", role: "tab", id: `tab-${id}`, "aria-controls": `panel-${id}`, title: `Key ${at + 1}`, on: { click: () => choose(id) } }, name, small);
    return { id, name, button, small };
  });
  const toolbar = el("div", { class: "toolbar" },
    el("div", { class: "toolbar-row" }, el("div", { class: "tabs", role: "tablist", "aria-label": "Views" }, tabs.map((tab) => tab.button)), el("div", { class: "search" }, search, el("kbd", { "aria-hidden": "true" }, "/"))),
    el("div", { class: "toolbar-row filters", id: "filters" }, el("div", { class: "chips", role: "group", "aria-label": "Verdicts shown" }, chips), scenarioSelect, dimensionSelect, rowChip, found));

  function notCompared() {
    const reasons = new Map();
    for (const row of data.rows) for (const [reason, packets] of row.skips) reasons.set(reason, (reasons.get(reason) ?? 0) + packets);
    const list = (title, intro, rows) => rows.length > 0 && el("section", { class: "rest" }, el("h2", {}, title), el("p", { class: "soft" }, intro),
      el("dl", {}, rows.map(([left, right]) => [el("dt", {}, left), el("dd", {}, right)])));
    const sections = [
      list("Packets not replayed", "Named reasons for which a packet of a capture did not reach the stacks.", [...reasons].sort((a, b) => b[1] - a[1]).map(([reason, packets]) => [number(packets), reason])),
      list("Dimensions not compared", "What one of the two does not show here.", Object.entries(data.missing)),
      list("Ended early", "What was compared before stands.", broken.map((row) => [data.scenarios[row.scenario], el("span", {}, data.captures[row.capture], ": ", el("span", { class: "warn" }, row.error))])),
      list("Ledger entries that nothing matched", "Either the difference is gone or the entry is wrong.", data.staleLedger.map((id) => ["stale", el("code", {}, id)])),
    ].filter(Boolean);
    return sections.length ? sections : [el("p", { class: "empty" }, "Everything was compared.")];
  }

  const notListed = data.totals.explained + data.totals.diverge - model.packets.length;
  const listNote = notListed > 0 && el("p", { class: "note", id: "not-listed" }, `${count(notListed, "more packet")} ${notListed === 1 ? "differs" : "differ"}. They are counted everywhere but listed nowhere: a run lists its first ${number(model.packets.length)}.`);

  const panels = Object.fromEntries(tabs.map(({ id, name }) => [id,
    el("section", { class: id === "packets" ? "panel screen-only" : "panel", id: `panel-${id}`, role: "tabpanel", "aria-label": name, "aria-labelledby": `tab-${id}` }, id === "packets" && listNote, id === "rest" ? notCompared() : grids[id].root)]));

  const fill = (id) => grids[id].setItems(grids[id].pending, wholes[id] ? "Nothing matches these filters." : nothing[id]);
  const nothing = { causes: "No differences were found.", captures: "Nothing was replayed.", packets: "Every compared packet agrees." };

  let current = "causes";
  function choose(id, focus) {
    current = id;
    for (const tab of tabs) {
      const is = tab.id === id;
      tab.button.setAttribute("aria-selected", String(is));
      tab.button.tabIndex = is ? 0 : -1;
      panels[tab.id].hidden = !is;
    }
    document.getElementById("filters").hidden = id === "rest";
    if (grids[id] && grids[id].stale) { grids[id].stale = false; fill(id); }
    else grids[id]?.draw();
    say();
    if (focus) grids[id]?.node.focus({ preventScroll: true });
  }

  const wholes = { causes: data.causes.length, captures: data.captures.length, packets: model.packets.length, rest: totals.skipped };
  function say() {
    for (const tab of tabs) tab.small.textContent = number(grids[tab.id] ? grids[tab.id].pending.length : wholes.rest);
    const grid = grids[current];
    found.textContent = grid ? `${number(grid.pending.length)} of ${number(wholes[current])} ${tabs.find((tab) => tab.id === current).name.toLowerCase()}` : "";
  }

  function apply() {
    causeOrder = matchingCauses();
    grids.causes.pending = causeOrder;
    grids.captures.pending = matchingCaptures();
    grids.packets.pending = matchingPackets();
    setMatrixColumns();
    for (const [id, grid] of Object.entries(grids)) {
      grid.active = 0;
      if (id === current) fill(id);
      else grid.stale = true;
    }
    rowChip.hidden = state.row < 0;
    if (state.row >= 0) rowChip.replaceChildren(`only ${printable(model.rowName(state.row))} under ${data.scenarios[data.rows[state.row].scenario]} ✕`);
    say();
  }

  function onlyRow(row) {
    state.row = row;
    sheet.node.close();
    apply();
    choose("packets", true);
  }

  search.addEventListener("input", () => { state.terms = search.value.toLowerCase().split(/\s+/).filter(Boolean); apply(); });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === "ArrowDown" || (event.key === "Escape" && !search.value)) grids[current]?.node.focus();
    else if (event.key === "Escape") { search.value = ""; search.dispatchEvent(new Event("input")); }
    else return;
    event.preventDefault();
  });
  scenarioSelect.querySelector("select").addEventListener("change", (event) => { state.scenario = event.target.value === "" ? -1 : Number(event.target.value); apply(); });
  dimensionSelect.querySelector("select").addEventListener("change", (event) => { state.dimension = event.target.value; apply(); });
  chips.forEach((chip, at) => chip.addEventListener("click", () => {
    const verdict = everyVerdict[at];
    if (!state.verdicts.delete(verdict)) state.verdicts.add(verdict);
    chip.setAttribute("aria-pressed", String(state.verdicts.has(verdict)));
    apply();
  }));
  toolbar.querySelector(".tabs").addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const at = tabs.findIndex((tab) => tab.id === current);
    const next = tabs[(at + by + tabs.length) % tabs.length];
    choose(next.id);
    next.button.focus();
    event.preventDefault();
  });

  const walk = (event) => { const grid = grids[current]; if (grid) { grid.node.focus({ preventScroll: true }); grid.key(event); } };
  Shell.globalKeys({
    "/": () => { search.focus(); search.select(); }, "?": () => helpDialog.showModal(), t: () => theme.click(),
    1: () => choose("causes", true), 2: () => choose("captures", true), 3: () => choose("packets", true), 4: () => choose("rest"),
    j: walk, k: walk, ArrowDown: walk, ArrowUp: walk, Enter: (event) => { if (event.target === document.body) walk(event); },
  });
  sheet.closed = () => { setHash(""); grids[current]?.node.focus({ preventScroll: true }); };

  const main = el("main", { id: "main", tabindex: -1 }, Object.values(panels));
  const footer = el("footer", {}, el("span", {}, `Compared: ${data.dimensions.join(", ")}`),
    Object.keys(data.missing).length > 0 && el("span", {}, `Not compared: ${Object.keys(data.missing).join(", ")}`), el("span", {}, "Drawn from one file; nothing is fetched."));
  document.getElementById("page").append(masthead, tiles, toolbar, main, footer, Shell.live);
  document.body.append(sheet.node, helpDialog);
  const fit = () => document.documentElement.style.setProperty("--toolbar", `${Shell.toolbarHeight()}px`);
  new ResizeObserver(fit).observe(toolbar);
  addEventListener("resize", fit);
  addEventListener("beforeprint", () => { for (const [id, grid] of Object.entries(grids)) if (grid.stale) { grid.stale = false; fill(id); } });

  apply();
  choose("causes");
  const linked = /^#cause=(\w+)$/.exec(location.hash);
  const at = linked ? data.causes.findIndex((cause) => cause.fingerprint === linked[1]) : -1;
  if (at >= 0) openSheet(views.cause(at, { order: causeOrder }), linked[0].slice(1));
  document.documentElement.dataset.ready = "true";
})();
