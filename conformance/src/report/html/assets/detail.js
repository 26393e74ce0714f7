// What the sheet shows: a cause with its examples, or one capture under one scenario.

const Detail = (() => {
  const { el, tag, number, count, copyable, shareBar } = Shell;

  /// `model` is what diff.js made of the data; `open` opens a further view on the sheet.
  class Views {
    constructor(model, open) {
      this.model = model;
      this.data = model.data;
      this.open = open;
    }

    /// A cause. `options`: example to begin with, note to say first, order (indices of causes that j and k walk).
    cause(index, options = {}) {
      const order = options.order ?? [];
      const at = order.indexOf(index);
      return () => {
        let chosen = options.example ?? 0;
        const { cause, node, area } = this.causeFrame(index, options.note);
        const picks = cause.examples.map((example, position) =>
          el("button", { class: "quiet pick", type: "button", "aria-pressed": String(position === chosen), on: { click: () => { chosen = position; show(); } } },
            `Example ${position + 1}`, el("small", {}, ` ${this.place(example)}`)));
        const show = () => {
          picks.forEach((pick, position) => pick.setAttribute("aria-pressed", String(position === chosen)));
          area.replaceChildren(this.example(cause.examples[chosen]));
          this.drawLadder(area, cause.examples[chosen]);
        };
        if (picks.length > 1) area.before(el("div", { class: "picks", role: "group", "aria-label": "Examples" }, picks));
        return {
          where: at >= 0 ? `Cause ${number(at + 1)} of ${number(order.length)}` : "Cause",
          node,
          drawn: cause.examples.length ? show : undefined,
          step: at >= 0 ? (by) => (order[at + by] === undefined ? undefined : this.cause(order[at + by], { order })) : undefined,
        };
      };
    }

    causeFrame(index, note) {
      const cause = this.data.causes[index];
      const area = el("div");
      const verdict = cause.ledger.length ? "explained" : "diverge";
      const node = el("article", {},
        el("p", { class: "kicker" }, tag(verdict), el("span", {}, cause.dimension), el("code", { class: "soft", title: "fingerprint" }, cause.fingerprint)),
        el("h2", { text: cause.title }),
        el("p", { class: "soft facts" }, `${count(cause.count, "packet")} in ${count(cause.captures, "capture")}`),
        note && el("p", { class: "note" }, note),
        cause.ledger.map((id) => this.ledger(id)),
        area,
        this.shows(index));
      return { cause, node, area };
    }

    ledger(id) {
      const note = this.data.ledger[id];
      return el("blockquote", { class: "ledger" },
        el("p", { class: "ledger-id" }, "Ledger ", el("code", { text: id })),
        note && el("p", { text: note.reason }), note && el("p", { class: "soft", text: note.clause }));
    }

    place(example) {
      return `${this.data.captures[example.capture]}:${example.packet} · ${this.data.scenarios[example.scenario]}`;
    }

    example(example) {
      const { data } = this;
      const fact = (name, value) => [el("dt", {}, name), el("dd", {}, value)];
      return el("div", {},
        el("dl", { class: "facts-list" },
          fact("Capture", data.captures[example.capture]), fact("Packet", example.packet ? number(example.packet) : "end of the trace"),
          fact("Scenario", data.scenarios[example.scenario]), fact("Went in by", example.interface || "–"),
          fact("At", `${(example.atUs / 1e6).toFixed(6)} s`)),
        el("h3", {}, "What differs"), this.differences(example),
        el("h3", {}, "Exchange"), el("figure", { class: "ladder-box" }),
        this.answers(example), this.stimulus(example), this.counters(example), this.drops(example),
        el("h3", {}, "Reproduce"), copyable(example.command));
    }

    sides(name) {
      return el("tr", {}, el("th", { scope: "col" }, name),
        el("th", { scope: "col", class: "side-a" }, "A ", el("small", {}, this.data.a)),
        el("th", { scope: "col", class: "side-b" }, "B ", el("small", {}, this.data.b)));
    }

    differences(example) {
      const value = (text) => el("td", {}, text === "" ? el("em", { class: "soft" }, "nothing") : el("code", { text }));
      return el("table", { class: "compare" }, el("thead", {}, this.sides("Field")),
        el("tbody", {}, example.fields.map(([field, a, b]) =>
          el("tr", {}, el("th", { scope: "row" }, el("code", { text: field })), value(a), value(b)))));
    }

    /// Answers brought together: equal ones first, then those of one interface and kind in order, as the comparison
    /// does; what is left stands alone.
    pairs(example) {
      const { data } = this;
      const side = (frames) => frames.map(([name, at], index) => ({ ...data.frames[at], interface: name, index }));
      const [a, b] = [side(example.a.frames), side(example.b.frames)];
      const left = new Set(b);
      const pairing = new Map();
      for (const alike of [(x, y) => x.hex === y.hex, (x, y) => this.kind(x) === this.kind(y)]) {
        for (const one of a) {
          const other = !pairing.has(one) && [...left].find((candidate) => candidate.interface === one.interface && alike(one, candidate));
          if (other) { pairing.set(one, other); left.delete(other); }
        }
      }
      const rows = [...a.map((one) => [one, pairing.get(one)]), ...[...left].map((other) => [undefined, other])];
      return rows.map(([one, other]) => ({ a: one, b: other, state: this.stateOf(example, one, other) }));
    }

    stateOf(example, a, b) {
      if (!a || !b) return "differs";
      if (a.hex === b.hex) return "same";
      return example.fields.some(([field]) => field === "frames" || field.startsWith(`frames[${a.index}]`)) ? "differs" : "alike";
    }

    /// Protocols of the frame and ICMP type, as one text.
    kind(frame) {
      const own = frame.layers.filter(([, depth]) => depth === 0);
      const type = own.find(([name]) => name === "ICMP")?.[3].find(([label]) => this.data.labels[label] === "type");
      return [...own.map(([name]) => name).filter((name) => name !== "Data"), type?.[1]].join("/");
    }

    drawLadder(area, example) {
      const box = area.querySelector(".ladder-box");
      const stimulus = example.stimulus === null ? undefined : { ...this.data.frames[example.stimulus], interface: example.interface };
      const exchange = { names: { a: this.data.a, b: this.data.b }, stimulus, rows: this.pairs(example), drops: { a: example.a.drops, b: example.b.drops } };
      const draw = () => box.replaceChildren(Ladder.draw(exchange, box.clientWidth));
      draw();
      this.watcher?.disconnect();
      this.watcher = new ResizeObserver(draw);
      this.watcher.observe(box);
    }

    answers(example) {
      const pairs = this.pairs(example);
      return pairs.map(({ a, b, state }, position) => {
        const title = pairs.length > 1 ? `Answer ${position + 1}` : "Answer";
        const word = { same: "same octets", alike: "differs only as the comparison rules allow", differs: "differs" }[state];
        const heading = el("h3", {}, title, " ", el("span", { class: `word ${state}` }, a && b ? word : `only ${a ? "A" : "B"} sends it`));
        if (a && b && state === "same") return [heading, el("details", { class: "fold" }, el("summary", {}, a.what), this.frames(a))];
        return [heading, this.frames(a, b)];
      });
    }

    frames(a, b) {
      const { labels } = this.data;
      const names = a && b ? ["A", "B"] : [a ? "A" : "B"];
      const fields = Octets.fields(a, b, labels, names);
      const dumps = {};
      const box = (side, frame, other) => {
        if (!frame) return undefined;
        dumps[side] = Octets.dump(frame.hex, other?.hex);
        return el("div", {}, el("p", { class: `dump-title side-${side}` }, side.toUpperCase(), el("span", { class: "soft" }, ` ${count(frame.hex.length / 2, "octet")}`)), dumps[side]);
      };
      const node = el("div", { class: "frames" }, fields, el("div", { class: a && b ? "dumps two" : "dumps" }, box("a", a, b), box("b", b, a)));
      Octets.link(fields, dumps);
      return node;
    }

    stimulus(example) {
      if (example.stimulus === null) return undefined;
      const frame = this.data.frames[example.stimulus];
      const fields = Octets.fields(frame, undefined, this.data.labels, ["Value"]);
      const dump = Octets.dump(frame.hex);
      Octets.link(fields, { stimulus: dump });
      return [el("h3", {}, "Stimulus"),
        el("details", { class: "fold" }, el("summary", {}, frame.what, el("span", { class: "soft" }, ` ${frame.addresses}, ${count(frame.hex.length / 2, "octet")}`)),
          el("div", { class: "frames" }, fields, el("div", { class: "dumps" }, dump)))];
    }

    counters(example) {
      const names = [...new Set([...Object.keys(example.a.counters), ...Object.keys(example.b.counters)])].sort();
      if (!names.length) return undefined;
      const row = (name) => {
        const [a, b] = [example.a.counters[name] ?? 0, example.b.counters[name] ?? 0];
        return el("tr", { class: a === b ? undefined : "differs" },
          el("th", { scope: "row" }, el("code", { text: name }), a !== b && el("span", { class: "sign" }, " ≠", el("span", { class: "unseen" }, " differs"))),
          el("td", { class: "right" }, signed(a)), el("td", { class: "right" }, signed(b)));
      };
      const differ = (name) => (example.a.counters[name] ?? 0) !== (example.b.counters[name] ?? 0);
      const ordered = [...names.filter(differ), ...names.filter((name) => !differ(name))];
      return [el("h3", {}, "Counters"), el("table", { class: "compare narrow" }, el("thead", {}, this.sides("Counter")), el("tbody", {}, ordered.map(row)))];
    }

    drops(example) {
      if (!example.a.drops.length && !example.b.drops.length) return undefined;
      const cell = (drops) => el("td", {}, drops.length ? drops.map((reason) => el("div", {}, el("code", { text: reason }))) : el("em", { class: "soft" }, "none"));
      return [el("h3", {}, "Drop reasons"), el("table", { class: "compare" }, el("thead", {}, this.sides("")),
        el("tbody", {}, el("tr", {}, el("th", { scope: "row" }, "dropped for"), cell(example.a.drops), cell(example.b.drops))))];
    }

    /// Where a cause shows, or where the ledger entries that explain it matched.
    shows(index) {
      const { ledger } = this.data.causes[index];
      if (!ledger.length) return this.rowList("Where it shows", this.model.rowsOfCause[index]);
      return ledger.map((id) => this.rowList(`Where ${id} explains a difference`, this.model.rowsOfLedger.get(id) ?? new Map()));
    }

    /// Rows with their counts, most first.
    rowList(title, counts) {
      const rows = [...counts].sort((one, other) => other[1] - one[1]);
      if (!rows.length) return undefined;
      const most = 40;
      const item = ([row, packets]) => el("li", {}, el("button", { class: "linkish", type: "button", on: { click: () => this.open(this.row(row)) } },
        el("span", { class: "cut" }, this.model.rowName(row)), el("span", { class: "soft" }, `${this.data.scenarios[this.data.rows[row].scenario]}, ${count(packets, "packet")}`)));
      return [el("h3", {}, title), el("ul", { class: "links" }, rows.slice(0, most).map(item)),
        rows.length > most && el("p", { class: "soft" }, `and in ${number(rows.length - most)} more`)];
    }

    /// One capture under one scenario.
    row(index) {
      return () => {
        const row = this.data.rows[index];
        const skipped = row.skips.reduce((sum, [, packets]) => sum + packets, 0);
        const parts = { agree: row.agree, explained: row.explained, diverge: row.diverge, skipped };
        const mostFirst = (counts) => [...counts].sort((one, other) => other[1] - one[1]);
        const causes = mostFirst(this.model.causesOfRow[index]);
        const entries = mostFirst(this.model.ledgerOfRow[index]);
        const node = el("article", {},
          el("p", { class: "kicker" }, tag(this.model.verdictOfRow(row)), el("span", {}, this.data.scenarios[row.scenario])),
          el("h2", { text: this.data.captures[row.capture] }),
          el("p", { class: "soft facts" }, `${count(row.packets, "packet")}, ${number(row.compared)} compared, ${Shell.elapsed(row.elapsedMs)}`),
          row.error && el("p", { class: "note warn" }, `Ended early: ${row.error}`),
          el("dl", { class: "parts" }, Object.entries(parts).map(([verdict, packets]) =>
            [el("dt", {}, tag(verdict)), el("dd", {}, number(packets), el("span", { class: "soft" }, ` ${Shell.percent(packets, row.packets)}`))])),
          shareBar(parts),
          row.explained + row.diverge > row.verdicts.length / 2 && el("p", { class: "note" }, `Of its verdicts ${number(row.verdicts.length / 2)} are listed; the numbers below count those.`),
          causes.length > 0 && [el("h3", {}, "Unexplained causes"), el("ul", { class: "links" }, causes.map(([cause, packets]) => this.causeLink(cause, packets)))],
          entries.length > 0 && [el("h3", {}, "Explained by the ledger"), el("ul", { class: "links" }, entries.map(([id, packets]) => this.ledgerLink(id, packets)))],
          row.skips.length > 0 && [el("h3", {}, "Not replayed"), el("ul", { class: "plain" }, row.skips.map(([reason, packets]) => el("li", {}, `${number(packets)}  ${reason}`)))],
          row.interfaces.length > 0 && [el("h3", {}, "Interfaces"), el("ul", { class: "plain" }, row.interfaces.map((line) => el("li", {}, line)))],
          row.notes.length > 0 && [el("h3", {}, "Notes"), el("ul", { class: "plain" }, row.notes.map((line) => el("li", {}, line)))],
          row.verdicts.length > 0 && el("p", { class: "actions" }, el("button", { class: "quiet", type: "button", on: { click: () => this.model.onlyRow(index) } }, "Show its packets")));
        return { where: "Capture", node };
      };
    }

    causeLink(cause, packets) {
      const { title, ledger } = this.data.causes[cause];
      return this.link(title, () => this.cause(cause), packets, ledger.length ? "explained" : "diverge");
    }

    ledgerLink(id, packets) {
      return this.link(id, () => this.ledgerView(id), packets, "explained");
    }

    link(text, view, packets, verdict) {
      return el("li", {}, el("button", { class: "linkish", type: "button", on: { click: () => this.open(view()) } },
        el("span", { class: "cut" }, text), el("span", {}, packets === undefined ? "" : el("span", { class: "soft" }, count(packets, "packet")), " ", tag(verdict))));
    }

    /// A ledger entry with the causes that it explains.
    ledgerView(id) {
      return () => {
        const causes = this.model.causesByLedger.get(id) ?? [];
        return { where: "Ledger entry", node: el("article", {},
          el("p", { class: "kicker" }, tag("explained")), el("h2", { text: id }), this.ledger(id),
          causes.length > 0 && [el("h3", {}, "Causes that it explains"), el("ul", { class: "links" }, causes.map((cause) => this.causeLink(cause, this.data.causes[cause].count)))],
          this.rowList("Where it explains a difference", this.model.rowsOfLedger.get(id) ?? new Map())) };
      };
    }

    /// One packet: its cause if it has but one, at the example that it is, if it is one.
    packet(row, packet, verdict) {
      const { capture, scenario } = this.data.rows[row];
      const { diverge = [], explained = [] } = this.data.verdicts[verdict];
      const causes = this.model.causesOfVerdict[verdict];
      const isIt = (e) => e.capture === capture && e.scenario === scenario && e.packet === packet;
      const known = causes.find((cause) => this.data.causes[cause].examples.some(isIt)) ?? (diverge.length === 1 ? diverge[0] : undefined);
      if (known !== undefined && diverge.length < 2) {
        const example = this.data.causes[known].examples.findIndex(isIt);
        const note = example < 0 ? `Packet ${number(packet)} of ${this.model.rowName(row)} shows this cause too; kept are the first examples.` : undefined;
        return this.cause(known, { example: Math.max(0, example), note });
      }
      if (!diverge.length && explained.length === 1) return this.ledgerView(explained[0]);
      return () => ({ where: "Packet", node: el("article", {},
        el("p", { class: "kicker" }, el("span", {}, this.data.scenarios[scenario])), el("h2", { text: `${this.model.rowName(row)}:${packet}` }),
        el("p", { class: "soft facts" }, `${count(diverge.length + explained.length, "cause")} at once`),
        el("ul", { class: "links" }, diverge.map((cause) => this.causeLink(cause)), explained.map((id) => this.ledgerLink(id)))) });
    }
  }

  const signed = (value) => (value > 0 ? `+${number(value)}` : value === 0 ? el("span", { class: "soft" }, "0") : number(value));

  return { Views };
})();
