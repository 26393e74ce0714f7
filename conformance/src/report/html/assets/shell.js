"use strict";
// The shell of netassay's reports: nodes, theme, keyboard, virtual grids, the sheet. It knows nothing of what is shown.

const Shell = (() => {
  /// A node. Text is only ever set as text, so whatever the data holds stays text.
  function make(node, properties, children) {
    for (const [name, value] of Object.entries(properties ?? {})) {
      if (value === undefined || value === null || value === false) continue;
      if (name === "text") node.textContent = printable(value);
      else if (name === "on") for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
      else if (name === "style") for (const [key, part] of Object.entries(value)) node.style.setProperty(key, part);
      else node.setAttribute(name, value === true ? "" : value);
    }
    for (const child of children.flat(4)) {
      if (child === undefined || child === null || child === false) continue;
      node.append(child instanceof Node ? child : printable(child));
    }
    return node;
  }
  const el = (tag, properties, ...children) => make(document.createElement(tag), properties, children);
  const svg = (tag, properties, ...children) =>
    make(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);

  /// Text with control characters and direction marks spelled out: names of captures come from anywhere.
  function printable(text) {
    return String(text).replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
      (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
  }

  const formatter = new Intl.NumberFormat("en-US");
  const number = (value) => formatter.format(value);
  const count = (value, noun) => `${number(value)} ${noun}${value === 1 ? "" : "s"}`;
  const percent = (part, whole) => {
    if (!whole) return "";
    if (!part) return "0 %";
    const share = (100 * part) / whole;
    return share < 0.1 ? "< 0.1 %" : `${share.toFixed(share < 10 || share > 99 ? 1 : 0)} %`;
  };
  const elapsed = (ms) => {
    if (ms < 1000) return `${ms} ms`;
    if (ms < 60000) return `${(ms / 1000).toFixed(1)} s`;
    const minutes = Math.floor(ms / 60000);
    return minutes < 60 ? `${minutes} min ${Math.floor((ms % 60000) / 1000)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  };

  const signs = { agree: "=", explained: "≈", diverge: "≠", skipped: "–" };
  const tag = (verdict, text) => el("span", { class: "tag", "data-verdict": verdict, "data-sign": signs[verdict] }, text ?? verdict);

  function shareBar(parts) {
    return el("div", { class: "share", "aria-hidden": "true" },
      Object.entries(parts).filter(([, value]) => value > 0)
        .map(([verdict, value]) => el("i", { "data-verdict": verdict, style: { flex: `${value} 0 0` } })));
  }

  // Where the browser lets a file keep settings, the theme stays.
  const stored = {
    get(key) { try { return localStorage.getItem(key); } catch { return null; } },
    set(key, value) { try { localStorage.setItem(key, value); } catch { /* A file may be denied storage. */ } },
  };

  function themeButton() {
    const order = ["auto", "light", "dark"];
    const button = el("button", { class: "quiet", type: "button", id: "theme" });
    let current = order.includes(stored.get("netassay-theme")) ? stored.get("netassay-theme") : "auto";
    const show = () => {
      if (current === "auto") delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = current;
      button.textContent = `Theme: ${current}`;
      button.setAttribute("aria-label", `Theme: ${current}. Press for ${order[(order.indexOf(current) + 1) % 3]}.`);
    };
    button.addEventListener("click", () => {
      current = order[(order.indexOf(current) + 1) % 3];
      stored.set("netassay-theme", current);
      show();
    });
    show();
    return button;
  }

  function copyable(text) {
    const button = el("button", { type: "button" }, "Copy");
    const content = el("pre", {}, el("code", { text }));
    button.addEventListener("click", async () => {
      let done = false;
      try {
        await navigator.clipboard.writeText(text);
        done = true;
      } catch {
        const area = el("textarea", { class: "unseen" });
        area.value = text;
        button.after(area);
        area.select();
        done = document.execCommand("copy"); // Where a file has no clipboard of its own.
        area.remove();
      }
      if (!done) getSelection().selectAllChildren(content);
      button.textContent = done ? "Copied" : "Selected";
      announce(done ? "Copied" : "Selected, copy it with the keyboard");
      setTimeout(() => { button.textContent = "Copy"; }, 1600);
    });
    return el("div", { class: "copy" }, content, button);
  }

  const live = el("div", { class: "unseen", role: "status", "aria-live": "polite" });
  function announce(text) { live.textContent = text; }

  /// Rows of one height of which only those near the window are in the document.
  class Grid {
    /// `options`: id, label, columns [{name, class}], widths (grid-template-columns), height, cells(item) -> nodes,
    /// open(item, column), lateral (whether left and right move between columns).
    constructor(options) {
      Object.assign(this, options);
      this.items = [];
      this.active = 0;
      this.column = options.lateral ?? 0;
      this.drawn = new Map();
      this.body = el("div", { class: "grid-body", role: "rowgroup" });
      this.head = el("div", { class: "grid-head", role: "row", "aria-rowindex": 1 },
        this.columns.map((column) => el("div", { role: "columnheader", class: column.class, title: column.title }, column.name)));
      this.empty = el("p", { class: "empty", hidden: true });
      this.node = el("div", { class: "grid", id: this.id, role: "grid", tabindex: 0, "aria-label": this.label,
        "aria-colcount": this.columns.length, style: { "--columns": this.widths } }, this.head, this.body);
      this.root = el("div", {}, this.node, this.empty);
      this.node.addEventListener("keydown", (event) => this.key(event));
      this.node.addEventListener("focus", () => this.mark(false));
      this.body.addEventListener("click", (event) => this.click(event));
      addEventListener("scroll", () => this.draw(), { passive: true });
      addEventListener("resize", () => this.draw());
      addEventListener("beforeprint", () => { this.printing = true; this.draw(); });
      addEventListener("afterprint", () => { this.printing = false; this.redraw(); });
    }

    /// `nothing` is said in place of rows if there are none.
    setItems(items, nothing) {
      this.items = items;
      this.empty.textContent = nothing;
      this.active = Math.max(0, Math.min(this.active, items.length - 1));
      this.node.setAttribute("aria-rowcount", items.length + 1);
      this.empty.hidden = items.length > 0;
      this.redraw();
    }

    redraw() {
      this.body.replaceChildren();
      this.drawn.clear();
      // Browsers stop at some ten million pixels; beyond that the scroll bar counts for more rows than it shows.
      this.whole = this.items.length * this.height;
      this.tall = Math.min(this.whole, 8_000_000);
      this.body.style.height = `${this.tall}px`;
      this.draw();
    }

    draw() {
      if (this.root.closest("[hidden]") && !this.printing) return;
      const top = this.body.getBoundingClientRect().top;
      const view = innerHeight;
      const into = Math.max(0, Math.min(-top, this.tall - view));
      const ratio = this.tall < this.whole ? (this.whole - view) / (this.tall - view) : 1;
      const shift = into - into * ratio;
      let first = Math.max(0, Math.floor((into * ratio) / this.height) - 8);
      let last = Math.min(this.items.length, Math.ceil((into * ratio + view) / this.height) + 8);
      if (this.printing) [first, last] = [0, Math.min(this.items.length, 2_000)];
      for (const [index, row] of this.drawn) {
        if (index < first || index >= last) { row.remove(); this.drawn.delete(index); }
      }
      for (let index = first; index < last; index += 1) {
        let row = this.drawn.get(index);
        if (!row) {
          row = this.row(index);
          this.drawn.set(index, row);
          const after = this.drawn.get(index - 1); // Reading order is document order, whichever way one scrolls.
          if (after) after.after(row);
          else this.body.prepend(row);
        }
        row.style.transform = `translateY(${index * this.height + shift}px)`;
      }
      this.mark(false);
    }

    row(index) {
      const cells = this.cells(this.items[index]);
      cells.forEach((cell, column) => {
        cell.setAttribute("role", "gridcell");
        cell.id = `${this.id}-${index}-${column}`;
        cell.dataset.column = column;
      });
      return el("div", { class: "grid-row", role: "row", id: `${this.id}-${index}`, "aria-rowindex": index + 2,
        "data-index": index, style: { height: `${this.height}px` } }, cells);
    }

    /// Shows which row is active; with `scroll` brings it into view.
    mark(scroll) {
      if (scroll && this.items.length) this.reveal();
      for (const [index, row] of this.drawn) {
        const is = index === this.active;
        row.classList.toggle("active", is);
        if (this.lateral !== undefined) {
          for (const cell of row.children) cell.classList.toggle("active", is && Number(cell.dataset.column) === this.column);
        }
      }
      const id = this.lateral === undefined ? `${this.id}-${this.active}` : `${this.id}-${this.active}-${this.column}`;
      if (this.drawn.has(this.active)) this.node.setAttribute("aria-activedescendant", id);
      else this.node.removeAttribute("aria-activedescendant");
    }

    reveal() {
      const bodyTop = this.body.getBoundingClientRect().top + scrollY;
      const covered = toolbarHeight() + this.head.offsetHeight;
      const view = innerHeight;
      const ratio = this.tall < this.whole ? (this.whole - view) / (this.tall - view) : 1;
      const into = Math.max(0, Math.min(scrollY - bodyTop, this.tall - view));
      const shift = into - into * ratio;
      const at = bodyTop + this.active * this.height + shift;
      if (ratio !== 1 && (at < scrollY + covered || at + this.height > scrollY + view)) {
        scrollTo(0, bodyTop + (this.active * this.height - covered) / ratio);
      } else if (at < scrollY + covered) scrollTo(0, at - covered);
      else if (at + this.height > scrollY + view - 12) scrollTo(0, at + this.height - view + 12);
      this.draw();
    }

    move(by) {
      if (!this.items.length) return;
      this.active = Math.max(0, Math.min(this.items.length - 1, this.active + by));
      this.mark(true);
    }

    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const page = Math.max(1, Math.floor((innerHeight - toolbarHeight()) / this.height) - 2);
      const steps = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
      if (event.key in steps) this.move(steps[event.key]);
      else if (this.lateral !== undefined && (event.key === "ArrowRight" || event.key === "ArrowLeft")) {
        const next = this.column + (event.key === "ArrowRight" ? 1 : -1);
        this.column = Math.max(this.lateral, Math.min(this.columns.length - 1, next));
        this.mark(true);
      } else if ((event.key === "Enter" || event.key === " ") && this.items.length) this.open(this.items[this.active], this.column);
      else return;
      event.preventDefault();
      event.stopPropagation();
    }

    click(event) {
      const row = event.target.closest(".grid-row");
      if (!row || String(getSelection())) return;
      this.active = Number(row.dataset.index);
      const cell = event.target.closest("[data-column]");
      if (this.lateral !== undefined && cell) this.column = Math.max(this.lateral, Number(cell.dataset.column));
      this.mark(false);
      this.node.focus({ preventScroll: true });
      this.open(this.items[this.active], this.column);
    }
  }

  function toolbarHeight() {
    const toolbar = document.querySelector(".toolbar");
    return toolbar && getComputedStyle(toolbar).position === "sticky" ? toolbar.offsetHeight : 0;
  }

  /// What opens over the page: one sheet, a stack of views. A view is {where, node, step(by) or nothing}.
  class Sheet {
    constructor() {
      this.stack = [];
      const button = (label, text, action) => el("button", { class: "quiet", type: "button", "aria-label": label, title: label, on: { click: action } }, text);
      this.where = el("span", { class: "where" });
      this.back = button("Back", "← Back", () => { this.stack.pop(); this.show(); });
      this.previous = button("Previous (k)", "↑ Previous", () => this.step(-1));
      this.next = button("Next (j)", "↓ Next", () => this.step(1));
      this.close = button("Close (Escape)", "Close", () => this.node.close());
      this.body = el("div", { class: "sheet-body" });
      this.node = el("dialog", { class: "sheet", "aria-label": "Details" },
        el("div", { class: "sheet-bar" }, this.back, this.where, this.previous, this.next, this.close), this.body);
      this.node.addEventListener("close", () => { this.stack = []; this.body.replaceChildren(); this.closed?.(); });
      this.node.addEventListener("click", (event) => { if (event.target === this.node) this.node.close(); });
      this.node.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
        if (event.key === "j" || event.key === "k") this.step(event.key === "j" ? 1 : -1);
        else if (event.key === "Backspace" && this.stack.length > 1) this.back.click();
        else return;
        event.preventDefault();
      });
    }

    /// `view` makes {where, node, step}; a step replaces the view by another.
    open(view) {
      this.stack.push(view);
      this.show();
    }

    replace(view) {
      this.stack[this.stack.length - 1] = view;
      this.show();
    }

    step(by) {
      const next = this.shown?.step?.(by);
      if (next) this.replace(next);
    }

    show() {
      this.shown = this.stack[this.stack.length - 1]();
      this.body.replaceChildren(this.shown.node);
      this.where.textContent = printable(this.shown.where ?? "");
      this.back.hidden = this.stack.length < 2;
      this.previous.hidden = this.next.hidden = !this.shown.step;
      this.previous.disabled = !this.shown.step?.(-1);
      this.next.disabled = !this.shown.step?.(1);
      if (!this.node.open) this.node.showModal();
      this.node.scrollTop = 0;
      const heading = this.body.querySelector("h2");
      if (heading) {
        heading.tabIndex = -1;
        heading.style.outline = "none";
        heading.focus({ preventScroll: true });
      }
      this.shown.drawn?.();
    }
  }

  function help(rows) {
    const list = el("dl", {}, rows.map(([keys, text]) => [
      el("dt", {}, keys.map((key) => el("kbd", {}, key))), el("dd", {}, text)]));
    const dialog = el("dialog", { class: "help", "aria-label": "Keyboard" },
      el("h2", {}, "Keyboard"), list);
    dialog.addEventListener("click", () => dialog.close());
    return dialog;
  }

  /// Keys that work everywhere but in fields and over dialogs.
  function globalKeys(actions) {
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (document.querySelector("dialog[open]") || event.target.matches("input, select, textarea")) return;
      const action = actions[event.key];
      if (!action) return;
      event.preventDefault();
      action(event);
    });
  }

  return { el, svg, printable, number, count, percent, elapsed, signs, tag, shareBar, themeButton, copyable, live, announce, Grid, Sheet, help, globalKeys, toolbarHeight };
})();
