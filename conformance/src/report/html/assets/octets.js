// Frames as octets and as fields, with what differs from the other side marked.

const Octets = (() => {
  const { el, count } = Shell;
  const FIRST = 512; // Octets shown before somebody asks for all.

  const bytes = (hex) => Uint8Array.from({ length: hex.length / 2 }, (_, i) => parseInt(hex.substr(i * 2, 2), 16));

  /// A hexdump; octets that differ from `other` stand in <mark>.
  function dump(hex, otherHex) {
    const own = bytes(hex);
    const other = otherHex === undefined ? undefined : bytes(otherHex);
    const node = el("div", { class: "dump-box" });
    const show = (limit) => {
      const pre = el("pre", { class: "dump", tabindex: 0, "aria-label": `Hexdump of ${count(own.length, "octet")}` });
      for (let start = 0; start < Math.min(own.length, limit); start += 16) pre.append(line(own, other, start));
      node.replaceChildren(pre);
      if (own.length > limit) {
        node.append(el("button", { class: "quiet", type: "button", on: { click: () => show(Infinity) } }, `Show all ${count(own.length, "octet")}`));
      }
    };
    show(FIRST);
    return node;
  }

  function line(own, other, start) {
    const end = Math.min(start + 16, own.length);
    const hexadecimal = [];
    const characters = [];
    for (let at = start; at < end; at += 1) {
      const differs = other !== undefined && own[at] !== other[at];
      const kind = differs ? "mark" : "span";
      const code = own[at];
      hexadecimal.push(el(kind, { "data-at": at }, code.toString(16).padStart(2, "0")), at % 16 === 7 ? "  " : " ");
      characters.push(el(kind, { "data-at": at }, code > 31 && code < 127 ? String.fromCharCode(code) : "·"));
    }
    const missing = 16 - (end - start);
    const padding = " ".repeat(missing * 3 + (missing > 8 ? 1 : 0));
    return el("span", { class: "dump-line" }, el("b", {}, start.toString(16).padStart(4, "0")), "  ", hexadecimal, padding, " ", characters);
  }

  /// Fields of up to two frames side by side. Layers without a difference are folded away when there are two.
  function fields(a, b, labels, names) {
    const rows = align(a, b);
    const node = el("div", { class: "layers" });
    if (a && b) node.append(el("div", { class: "field-columns", "aria-hidden": "true" }, el("span", {}), names.map((name) => el("span", { class: `side-${name.toLowerCase()}` }, name))));
    for (const layer of rows) {
      const differing = layer.fields.filter((field) => field.differs).length;
      const both = a && b;
      const note = both ? (differing ? `${count(differing, "field")} ${differing === 1 ? "differs" : "differ"}` : "equal") : "";
      const name = `${"quoted ".repeat(layer.depth)}${layer.name}`;
      const table = el("table", { class: "fields" },
        el("thead", { class: "unseen" }, el("tr", {}, el("th", {}, "Field"), names.map((name) => el("th", {}, name)))),
        el("tbody", {}, layer.fields.map((field) => fieldRow(field, labels, both))));
      node.append(el("details", { class: "layer", open: !both || differing > 0 },
        el("summary", {}, el("span", { class: "layer-name" }, name), el("span", { class: differing ? "word differs" : "word" }, note)), table));
    }
    return node;
  }

  function fieldRow(field, labels, both) {
    const cell = (own, className) => el("td", { class: className, "data-from": own?.[2], "data-len": own?.[3] },
      own ? own[1] : el("em", { class: "soft" }, "not there"));
    return el("tr", { class: field.differs ? "differs" : undefined },
      el("th", { scope: "row" }, labels[field.label], field.differs && el("span", { class: "sign", title: "differs" }, " ≠", el("span", { class: "unseen" }, " differs"))),
      both ? [cell(field.a, "a"), cell(field.b, "b")] : cell(field.a ?? field.b));
  }

  /// Brings layers together by name, nesting and order, and their fields by name and order.
  function align(a, b) {
    const keyed = (list, key) => {
      const seen = new Map();
      return list.map((item) => {
        const base = key(item);
        seen.set(base, (seen.get(base) ?? 0) + 1);
        return [`${base}#${seen.get(base)}`, item];
      });
    };
    const merge = (left, right) => {
      const others = new Map(right);
      const result = left.map(([key, item]) => { const pair = [item, others.get(key)]; others.delete(key); return pair; });
      return [...result, ...[...others.values()].map((item) => [undefined, item])];
    };
    const layers = merge(keyed(a?.layers ?? [], (l) => `${l[0]}/${l[1]}`), keyed(b?.layers ?? [], (l) => `${l[0]}/${l[1]}`));
    return layers.map(([one, other]) => ({
      name: (one ?? other)[0],
      depth: (one ?? other)[1],
      fields: merge(keyed(one?.[3] ?? [], (f) => f[0]), keyed(other?.[3] ?? [], (f) => f[0])).map(([x, y]) => ({
        label: (x ?? y)[0], a: x, b: y, differs: Boolean(a && b) && (!x || !y || x[1] !== y[1]),
      })),
    }));
  }

  /// Pointing at a field marks its octets in the dump of the same side.
  function link(fieldsNode, dumps) {
    const point = (event) => {
      const row = event.target.closest("tr");
      for (const [side, dump] of Object.entries(dumps)) {
        for (const lit of dump.querySelectorAll(".lit")) lit.classList.remove("lit");
        const cell = row?.querySelector(`td.${side}`) ?? row?.querySelector("td:not(.a):not(.b)");
        if (!cell || cell.dataset.from === undefined) continue;
        const from = Number(cell.dataset.from);
        for (let at = from; at < from + Number(cell.dataset.len); at += 1) {
          for (const octet of dump.querySelectorAll(`[data-at="${at}"]`)) octet.classList.add("lit");
        }
      }
    };
    fieldsNode.addEventListener("pointerover", point);
    fieldsNode.addEventListener("pointerleave", point);
  }

  return { dump, fields, link };
})();
