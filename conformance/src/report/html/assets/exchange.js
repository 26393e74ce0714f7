"use strict";
// A case as a sequence diagram: the tester on the left, the stack on the right, time downwards.

const Exchange = (() => {
  const { svg, printable } = Shell;
  const LINE = 16;

  function wrap(text, room, most) {
    const lines = [""];
    for (const word of printable(text).split(" ")) {
      const at = lines.length - 1;
      if (lines[at] && lines[at].length + word.length + 1 > room) lines.push(word);
      else lines[at] = lines[at] ? `${lines[at]} ${word}` : word;
    }
    if (lines.length > most) { lines.length = most; lines[most - 1] += " …"; }
    return lines;
  }

  /// `steps` as in the data, `frame(number)` gives a frame, `name` is that of the stack.
  function draw(steps, frame, name, width) {
    const w = Math.max(360, Math.min(width, 980));
    const [left, right] = [60, w - 60];
    const room = Math.floor((right - left - 40) / 6.6);
    const parts = [];
    let y = 46;
    const say = (text, className, anchor, x) => {
      for (const line of wrap(text, room, 3)) {
        parts.push(svg("text", { x, y, "text-anchor": anchor, class: className }, line));
        y += LINE;
      }
    };
    const arrow = (from, to, className) => {
      const by = Math.sign(to - from);
      parts.push(svg("g", { class: className },
        svg("line", { class: "line", x1: from, y1: y, x2: to - by * 4, y2: y }),
        svg("path", { class: "tip", d: `M${to} ${y} l${-9 * by} -4.5 v9 z` })));
      y += LINE + 4;
    };
    const middle = (left + right) / 2;
    const show = (link, at) => {
      const it = frame(at);
      say(it.what, "what", "middle", middle);
      say(`${it.addresses}${it.addresses ? ", " : ""}${it.length} octets on ${link}`, "about", "middle", middle);
      y -= LINE - 5;
    };
    for (const step of steps) {
      y += 6;
      const probe = step.what.startsWith("liveness");
      const seconds = step.at / 1e6;
      parts.push(svg("text", { x: 4, y: y + 4, class: "about" }, `${seconds.toFixed(seconds < 10 && seconds % 1 ? 1 : 0)} s`));
      if (step.stimulus) {
        show(...step.stimulus);
        arrow(left, right, probe ? "probe" : "");
      } else say(step.what, "note", "middle", middle);
      if (probe) say(step.what, "note", "middle", middle);
      for (const [link, at] of step.frames) { show(link, at); arrow(right, left, `out${step.failed ? " failed" : ""}${probe ? " probe" : ""}`); }
      if (!step.frames.length) say("silence", "note", "middle", middle);
      for (const other of step.others) say(other.length > 200 ? `${other.slice(0, 200)}…` : other, "note", "middle", middle);
      for (const expected of probe ? [] : step.expected) say(`${step.failed ? "✗" : "✓"} ${expected}`, step.failed ? "wrong" : "about", "middle", middle);
    }
    const rails = [[left, "tester"], [right, name]].map(([x, label]) => [
      svg("line", { class: "rail", x1: x, y1: 28, x2: x, y2: y }),
      svg("text", { class: "name", x, y: 18, "text-anchor": "middle" }, printable(label).slice(0, 18))]);
    return svg("svg", { class: "exchange", viewBox: `0 0 ${w} ${y + 8}`, width: w, height: y + 8, role: "img",
      "aria-label": `${steps.length} steps between tester and ${name}` }, rails, parts);
  }

  return { draw };
})();
