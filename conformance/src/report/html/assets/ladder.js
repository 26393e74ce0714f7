// An exchange as a ladder: the stimulus runs from the tester in the middle to both stacks, the answers come back.

const Ladder = (() => {
  const { svg, printable } = Shell;
  const LINE = 15;

  function wrap(text, width, most) {
    const room = Math.max(8, Math.floor(width / 6.7));
    const lines = [];
    let line = "";
    for (const word of printable(text).split(" ")) {
      if (line && line.length + 1 + word.length > room) { lines.push(line); line = ""; }
      line = line ? `${line} ${word}` : word;
      while (line.length > room) { lines.push(line.slice(0, room - 1) + "…"); line = line.slice(room - 1); }
    }
    if (line) lines.push(line);
    if (lines.length > most) { lines.length = most; lines[most - 1] = lines[most - 1].slice(0, room - 1) + "…"; }
    return lines;
  }

  function label(lines, x, bottom, className) {
    return lines.map((line, index) =>
      svg("text", { x, y: bottom - (lines.length - 1 - index) * LINE, "text-anchor": "middle", class: className }, line));
  }

  function arrow(from, to, y, className) {
    const direction = Math.sign(to - from);
    const tip = to - direction * 3;
    return [
      svg("line", { x1: from, y1: y, x2: tip, y2: y, class: `arrow ${className}` }),
      svg("path", { d: `M${tip} ${y} l${-9 * direction} -4.5 v9 z`, class: `tip ${className}` }),
    ];
  }

  const words = { same: "same", alike: "≈", differs: "≠" };

  /// `exchange`: names {a, b}, stimulus {what, addresses, length, interface} or nothing, rows [{a, b, state}] where a and
  /// b are frames of that form or nothing and the state is one of `words`, drops {a, b}; `width` in pixels.
  function draw(exchange, width) {
    const w = Math.max(320, Math.min(width, 1000));
    const edge = Math.max(26, w * 0.055);
    const [left, middle, right] = [edge, w / 2, w - edge];
    const half = middle - left - 18;
    const [centerA, centerB] = [(left + middle) / 2, (middle + right) / 2];
    const parts = [];
    const head = (x, anchor, name, className) =>
      wrap(name, half * 0.95, 2).map((line, index) =>
        svg("text", { x, y: 16 + index * LINE, "text-anchor": anchor, class: `name ${className}` }, line));
    parts.push(head(2, "start", `A  ${exchange.names.a}`, "a"), head(middle, "middle", "tester", ""), head(w - 2, "end", `B  ${exchange.names.b}`, "b"));
    let y = 52;
    const describe = (frame) => [
      ...wrap(frame.what, half, 3).map((line) => ["what", line]),
      ...wrap(`${frame.addresses}${frame.addresses ? ", " : ""}${frame.length} octets on ${frame.interface}`, half, 3).map((line) => ["about", line]),
    ];
    const place = (lines, x, bottom) => lines.map(([className, line], index) =>
      label([line], x, bottom - (lines.length - 1 - index) * LINE, className));
    if (exchange.stimulus) {
      const lines = describe(exchange.stimulus);
      y += lines.length * LINE;
      parts.push(place(lines, centerA, y - 8), place(lines, centerB, y - 8));
      parts.push(arrow(middle, left, y, "in"), arrow(middle, right, y, "in"), svg("circle", { cx: middle, cy: y, r: 4, class: "dot-in" }));
      y += 14;
    }
    for (const row of exchange.rows) {
      const lines = { a: row.a ? describe(row.a) : [], b: row.b ? describe(row.b) : [] };
      y += Math.max(lines.a.length, lines.b.length) * LINE + 12;
      for (const [side, x, from] of [["a", centerA, left], ["b", centerB, right]]) {
        if (row[side]) parts.push(place(lines[side], x, y - 8), arrow(from, middle, y, row.state));
        else parts.push(label(["nothing"], x, y - 4, "silent"), svg("line", { x1: from + (side === "a" ? 14 : -14), y1: y, x2: middle, y2: y, class: "gap" }));
      }
      parts.push(svg("text", { x: middle, y: y - 7, "text-anchor": "middle", class: `word ${row.state}` }, words[row.state]));
      y += 10;
    }
    if (!exchange.rows.length) {
      y += 24;
      parts.push(label(["no answer"], centerA, y, "silent"), label(["no answer"], centerB, y, "silent"));
    }
    if (exchange.drops.a.length || exchange.drops.b.length) {
      y += 14;
      const depth = Math.max(exchange.drops.a.length, exchange.drops.b.length, 1);
      for (const [side, x] of [["a", left], ["b", right]]) {
        const anchor = side === "a" ? "start" : "end";
        const texts = exchange.drops[side].length ? exchange.drops[side].map((reason) => `✕ dropped: ${reason}`) : [""];
        texts.forEach((text, index) => parts.push(svg("text", { x: x + (side === "a" ? 12 : -12), y: y + 12 + index * LINE, "text-anchor": anchor, class: "drop" }, wrap(text, half, 1))));
      }
      y += depth * LINE;
    }
    const bottom = y + 16;
    const rails = [[left, "a"], [middle, ""], [right, "b"]].map(([x, className]) =>
      svg("line", { x1: x, y1: 40, x2: x, y2: bottom, class: `rail ${className}` }));
    const differing = exchange.rows.filter((row) => row.state === "differs").length;
    const summary = `One stimulus, ${exchange.rows.length} answers compared, ${differing} differing`;
    return svg("svg", { class: "ladder", viewBox: `0 0 ${w} ${bottom + 2}`, width: w, height: bottom + 2, role: "img", "aria-label": summary }, rails, parts);
  }

  return { draw };
})();
