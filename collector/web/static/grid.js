/* Draws grids of bytes: a cell is a slot of a contract, or its session. What it says stands beside it in words. */
"use strict";

(() => {
  const NEWLINE = 10;
  const LEFT = 150; // CSS pixels for expirations and strikes
  const TOP = 24;
  const WIDEST = 16;
  const TALLEST = 16;
  const FULL = 520; // as tall as a grid becomes before neighbours share a row
  const LABEL = 15;

  async function load(address) {
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const end = bytes.indexOf(NEWLINE);
    const head = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
    return { head, cells: bytes.subarray(end + 1) };
  }

  /* An OCC symbol: root of six, YYMMDD, C or P, strike in thousandths. */
  function contract(occ) {
    return {
      symbol: occ.slice(0, 6).trim(),
      expiration: `20${occ.slice(6, 8)}-${occ.slice(8, 10)}-${occ.slice(10, 12)}`,
      right: occ[12],
      strike: String(Number(occ.slice(13)) / 1000),
    };
  }

  class Grid {
    constructor(root, head, cells) {
      this.head = head;
      this.bits = head.kind === "slots";
      this.columns = head.columns.length;
      this.rows = head.rows.length;
      this.contracts = head.rows.map(contract);
      this.cells = cells;
      this.words = root.querySelector(".grid-words");
      this.link = root.querySelector(".grid-open");
      this.session = root.querySelector(".grid-session");
      this.view = root.querySelector(".grid-view");
      this.layers = head.layers.map(layer => ({ ...layer, shown: true }));
      this.hole = new Uint8Array(256);
      for (let value = 0; value < 256; value++) {
        this.hole[value] = head.layers.some(layer => layer.is_hole && this.says(value, layer)) ? 1 : 0;
      }
      this.at = { row: 0, column: 0 };
      this.build(root);
      this.place();
      this.draw();
      this.listen();
      if (document.activeElement === this.view) this.say();
    }

    says(value, layer) {
      return this.bits ? (value & layer.value) !== 0 : value === layer.value;
    }

    build(root) {
      const each = root.querySelector(".grid-each");
      this.together = each.checked ? 1 : Math.max(1, Math.ceil(this.rows / FULL));
      each.addEventListener("change", () => {
        this.together = each.checked ? 1 : Math.max(1, Math.ceil(this.rows / FULL));
        this.place();
        this.draw();
        this.move(this.at.row, this.at.column);
      });
      root.querySelectorAll(".grid-layer").forEach((box, place) => {
        const layer = this.layers[place];
        layer.shown = box.checked;
        box.addEventListener("change", () => { layer.shown = box.checked; this.draw(); });
      });
      this.inner = this.element("div", "grid-inner");
      this.hours = this.element("div", "grid-hours");
      this.rowLabels = this.element("div", "grid-rows");
      this.canvas = document.createElement("canvas");
      this.cursor = this.element("div", "grid-cursor");
      this.pen = this.canvas.getContext("2d", { alpha: false });
      this.inner.append(this.hours, this.rowLabels, this.canvas, this.cursor);
      this.view.append(this.inner);
    }

    element(name, kind) {
      const made = document.createElement(name);
      made.className = kind;
      return made;
    }

    /* Whole device pixels a cell, so that none is wider than its neighbour. */
    place() {
      const ratio = window.devicePixelRatio || 1;
      const whole = size => Math.max(1, Math.floor(size * ratio)) / ratio;
      const room = Math.max(60, this.view.clientWidth - LEFT - 2);
      this.width = whole(Math.min(WIDEST, room / this.columns));
      this.lines = Math.ceil(this.rows / this.together);
      this.height = Math.max(whole(1), whole(Math.min(TALLEST, FULL / this.lines)));
      Object.assign(this.canvas.style, {
        left: `${LEFT}px`, top: `${TOP}px`,
        width: `${this.columns * this.width}px`, height: `${this.lines * this.height}px`,
      });
      this.inner.style.width = `${LEFT + this.columns * this.width}px`;
      this.inner.style.height = `${TOP + this.lines * this.height + 2}px`;
      this.rowLabels.style.width = `${LEFT}px`;
      this.label();
      this.mark();
    }

    label() {
      this.hours.replaceChildren();
      this.rowLabels.replaceChildren();
      let free = -Infinity;
      const wide = this.bits ? 44 : 84;
      this.head.columns.forEach((text, column) => {
        const left = LEFT + column * this.width, fits = left + wide <= LEFT + this.columns * this.width + 40;
        if ((this.bits && !text.endsWith(":00")) || left < free || !fits) return;
        this.hours.append(this.text(text, "", { left: `${left}px`, top: "3px" }));
        free = left + wide;
      });
      let below = -Infinity, last = "";
      this.contracts.forEach((one, row) => {
        const top = this.top(row);
        const first = one.expiration !== last;
        if (top < below) return;
        if (first) this.rowLabels.append(this.text(one.expiration, "grid-expiration", { top: `${top}px` }));
        last = one.expiration;
        this.rowLabels.append(this.text(`${one.strike} ${one.right}`, "grid-strike", { top: `${top}px` }));
        below = top + Math.max(LABEL, this.height);
      });
    }

    /* Where the line of a row begins; several share one where there are more rows than pixels. */
    top(row) {
      return TOP + Math.floor(row / this.together) * this.height;
    }

    text(words, kind, style) {
      const made = this.element("span", kind);
      made.textContent = words;
      Object.assign(made.style, style);
      return made;
    }

    /* Custom properties say light-dark(…): only an element's own colour says which of both it is. */
    colour(name) {
      this.cursor.style.backgroundColor = `var(--${name})`;
      const [red, green, blue] = getComputedStyle(this.cursor).backgroundColor.match(/\d+/g).map(Number);
      this.cursor.style.backgroundColor = "";
      return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
    }

    /* By value of a cell: its colour, and its rank among those that share a line: the worst is seen. */
    tables() {
      const colours = new Uint32Array(256), ranks = new Uint8Array(256);
      const nothing = this.colour("card"), base = this.colour(this.head.base.colour);
      const layers = this.layers.map(layer => [layer, this.colour(layer.colour)]).filter(([layer]) => layer.shown);
      for (let value = 0; value < 256; value++) {
        const expected = this.says(value, this.head.base);
        colours[value] = expected ? base : nothing;
        ranks[value] = expected ? 2 : 1;
        layers.forEach(([layer, colour], place) => {
          if (!this.says(value, layer)) return;
          colours[value] = colour;
          ranks[value] = place + 3;
        });
      }
      this.ranks = ranks;
      return { colours, ranks };
    }

    draw() {
      const began = performance.now();
      const { colours, ranks } = this.tables(), { cells, columns, rows, together } = this;
      if (this.canvas.width !== columns || this.canvas.height !== this.lines) {
        this.canvas.width = columns;
        this.canvas.height = this.lines;
        this.image = this.pen.createImageData(columns, this.lines);
      }
      const pixels = new Uint32Array(this.image.data.buffer);
      if (together === 1) {
        for (let i = 0; i < pixels.length; i++) pixels[i] = colours[cells[i]];
      } else {
        const worst = new Uint8Array(columns);
        for (let row = 0, i = 0; row < rows; row++) {
          const line = Math.floor(row / together) * columns;
          if (row % together === 0) worst.fill(0);
          for (let column = 0; column < columns; column++, i++) {
            const rank = ranks[cells[i]];
            if (rank <= worst[column]) continue;
            worst[column] = rank;
            pixels[line + column] = colours[cells[i]];
          }
        }
      }
      const { over } = this.head, later = colours[this.head.base.value];
      for (let line = 0; over < columns && line < this.lines; line++) {
        pixels.fill(later, line * columns + over, (line + 1) * columns);
      }
      this.pen.putImageData(this.image, 0, 0);
      this.view.dataset.drawn = (performance.now() - began).toFixed(2);
      this.view.dataset.at = performance.now().toFixed(1);
    }

    meaning(row, column) {
      const value = this.cells[row * this.columns + column], { head } = this;
      if (column >= head.over) return "not over yet";
      if (!this.bits) {
        const layer = head.layers.find(one => one.value === value);
        return layer ? layer.words : head.base.words;
      }
      const found = head.layers.filter(layer => this.says(value, layer)).map(layer => layer.words);
      const told = value & 1 || value & 8;
      if (value & head.base.value && !told) found.unshift(head.base.words);
      if (!(value & head.base.value)) found.push("not selected");
      if (value & head.open.value) found.push(head.open.words);
      return found.join(", ");
    }

    say() {
      const { row, column } = this.at;
      if (!this.rows) return;
      const one = this.contracts[row], when = this.head.columns[column];
      const where = this.bits ? `${when} New York` : when;
      const name = `${one.symbol} ${one.expiration} ${one.strike} ${one.right}`;
      this.words.textContent = `${name}, ${where}: ${this.meaning(row, column)}`;
      const day = this.bits ? this.head.day : when;
      // Another contract may bear the symbol of that day by now.
      const present = this.head.renamed?.[this.head.rows[row]] ?? this.head.rows[row];
      this.link.href = `/contracts/${present.replaceAll(" ", "")}?day=${day}`;
      this.link.textContent = `Open ${name}`;
      this.link.hidden = false;
      if (this.bits) return;
      this.session.href = `/sessions/${when}`;
      this.session.textContent = `Session of ${when}`;
      this.session.hidden = false;
    }

    mark() {
      const { row, column } = this.at, thick = 2;
      const wide = Math.max(this.width, 5), tall = Math.max(this.height, 5);
      Object.assign(this.cursor.style, {
        left: `${LEFT + column * this.width + (this.width - wide) / 2 - thick}px`,
        top: `${this.top(row) + (this.height - tall) / 2 - thick}px`,
        width: `${wide + 2 * thick}px`, height: `${tall + 2 * thick}px`,
      });
    }

    move(row, column) {
      this.at = {
        row: Math.min(this.rows - 1, Math.max(0, row)),
        column: Math.min(this.columns - 1, Math.max(0, column)),
      };
      this.mark();
      this.say();
      const top = this.top(this.at.row), left = LEFT + this.at.column * this.width, { view } = this;
      if (top < view.scrollTop + 2 * TOP) view.scrollTop = top - 2 * TOP;
      if (top > view.scrollTop + view.clientHeight - TOP) view.scrollTop = top - view.clientHeight + TOP;
      if (left < view.scrollLeft + LEFT) view.scrollLeft = left - LEFT;
      if (left > view.scrollLeft + view.clientWidth - TOP) view.scrollLeft = left - view.clientWidth + TOP;
    }

    /* Return the row that a line shows in a column. */
    worstOf(line, column) {
      let found = line * this.together;
      const end = Math.min(this.rows, found + this.together);
      const rank = row => this.ranks[this.cells[row * this.columns + column]];
      for (let row = found + 1; row < end; row++) if (rank(row) > rank(found)) found = row;
      return found;
    }

    nextHole() {
      const size = this.rows * this.columns, from = this.at.row * this.columns + this.at.column;
      for (let step = 1; step <= size; step++) {
        const i = (from + step) % size, column = i % this.columns;
        if (this.hole[this.cells[i]] && column < this.head.over) {
          this.move((i - column) / this.columns, column);
          return;
        }
      }
      this.words.textContent = "No hole.";
    }

    listen() {
      const { view } = this, page = () => Math.max(1, Math.floor(this.together * view.clientHeight / this.height / 2));
      const keys = {
        ArrowLeft: () => this.move(this.at.row, this.at.column - 1),
        ArrowRight: () => this.move(this.at.row, this.at.column + 1),
        ArrowUp: () => this.move(this.at.row - 1, this.at.column),
        ArrowDown: () => this.move(this.at.row + 1, this.at.column),
        PageUp: () => this.move(this.at.row - page(), this.at.column),
        PageDown: () => this.move(this.at.row + page(), this.at.column),
        Home: () => this.move(this.at.row, 0),
        End: () => this.move(this.at.row, this.columns - 1),
        n: () => this.nextHole(),
        N: () => this.nextHole(),
        Enter: () => { if (!this.link.hidden) this.link.click(); },
      };
      view.addEventListener("keydown", event => {
        if (event.ctrlKey || event.altKey || event.metaKey || !(event.key in keys)) return;
        event.preventDefault();
        keys[event.key]();
      });
      view.addEventListener("focus", () => this.say());
      const over = event => {
        const box = this.canvas.getBoundingClientRect();
        const line = Math.floor((event.clientY - box.top) / this.height);
        const column = Math.floor((event.clientX - box.left) / this.width);
        if (line < 0 || line >= this.lines || column < 0 || column >= this.columns) return;
        const row = this.worstOf(line, column);
        this.at = { row, column };
        this.mark();
        this.say();
      };
      this.canvas.addEventListener("pointermove", over);
      this.canvas.addEventListener("pointerdown", over);
      this.canvas.addEventListener("dblclick", keys.Enter);
      new ResizeObserver(() => this.place()).observe(view);
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    }
  }

  for (const root of document.querySelectorAll("[data-grid]")) {
    for (const swatch of root.querySelectorAll(".grid-swatch")) {
      swatch.style.background = `var(--${swatch.dataset.colour})`;
    }
    root.hidden = false;
    load(root.dataset.grid)
      .then(({ head, cells }) => new Grid(root, head, cells))
      .catch(error => {
        root.querySelector(".grid-words").textContent = `The picture cannot be drawn: ${error.message}`;
      });
  }
})();
