"use strict";
/* Draws figures from the table that stands beside them: what is seen is what can be read. */
(() => {
  const NONE = "–";
  const STEPS = [1, 2, 3, 6, 12, 24, 48, 96, 250];

  const numberOf = (text) => {
    const bare = text.replaceAll(",", "").trim();
    return bare === "" || bare === NONE ? null : Number(bare);
  };

  /* Returns a table's rows, and its columns by the names that their headings have. */
  const read = (table) => {
    const heads = [];
    let place = 0;
    for (const head of table.tHead.rows[table.tHead.rows.length - 1].cells) {
      if (head.dataset.column) heads.push({ name: head.dataset.column, title: head.textContent.trim(), place });
      place += head.colSpan;
    }
    const rows = [...table.tBodies[0].rows].filter((row) => row.dataset.time || row.dataset.strike);
    const textAt = (row, wanted) => {
      let at = 0;
      for (const cell of row.cells) {
        if (wanted < at + cell.colSpan) return cell.textContent.trim();
        at += cell.colSpan;
      }
      return "";
    };
    const texts = {};
    for (const { name, place: at } of heads) texts[name] = rows.map((row) => textAt(row, at));
    return { heads, rows, texts, numbers: (name) => texts[name].map(numberOf) };
  };

  /* Returns what colours the style sheet gives now: a canvas knows no custom properties. */
  const palette = () => {
    const probe = document.body.appendChild(document.createElement("span"));
    const colour = (name) => {
      probe.style.color = `var(--${name})`;
      return getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
    };
    const names = ["text", "dim", "line", "traded", "running", "latency", "unknown", "grid"];
    const found = Object.fromEntries(names.map((name) => [name, colour(name)]));
    probe.remove();
    return found;
  };
  const css = (rgb, alpha = 1) => `rgba(${rgb.join(", ")}, ${alpha})`;
  const mixed = (one, other, share) => one.map((part, i) => Math.round(part + (other[i] - part) * share));

  const axis = (colours, more = {}) => ({
    stroke: css(colours.dim),
    font: `12px ${getComputedStyle(document.body).fontFamily}`,
    grid: { stroke: css(colours.line), width: 1 },
    ticks: { stroke: css(colours.line), width: 1 },
    ...more,
  });

  const line = (label, colour, more = {}) => ({ label, stroke: css(colour), width: 1.5, ...more });
  const BARE = { points: { show: false } };

  /* A contract over time, in three pictures one below the other; steps that are not known are shaded. */
  const history = (figure, found, colours) => {
    const count = found.rows.length;
    const x = found.rows.map((_, i) => i);
    const holes = found.rows.map((row) => row.classList.contains("hole"));
    const shade = (u) => {
      const { ctx, bbox } = u;
      ctx.save();
      ctx.fillStyle = css(colours.unknown, 0.22);
      holes.forEach((hole, i) => {
        if (!hole) return;
        const left = u.valToPos(i - 0.5, "x", true);
        ctx.fillRect(left, bbox.top, u.valToPos(i + 0.5, "x", true) - left, bbox.height);
      });
      ctx.restore();
    };
    const times = axis(colours, {
      incrs: STEPS,
      space: figure.dataset.step === "slot" ? 50 : 90,
      values: (_, splits) => splits.map((i) => found.texts.time[i] ?? ""),
    });
    const shared = {
      scales: { x: { time: false, range: () => [-0.5, count - 0.5] } },
      hooks: { drawClear: [shade] },
    };
    const silent = { ...times, values: (_, splits) => splits.map(() => ""), size: 8 };
    const one = (label, height, series, bands, last, scales = {}) => ({
      ...shared,
      scales: { ...shared.scales, ...scales },
      height,
      series: [{}, ...series],
      bands,
      axes: [last ? times : silent, axis(colours, { label, labelSize: 18, size: 52, labelFont: times.font, labelGap: 0 })],
    });
    const point = { show: true, size: 4, fill: css(colours.traded) };
    const prices = [
      line("Highest ask", colours.running, { width: 0, ...BARE }),
      line("Lowest bid", colours.running, { width: 0, ...BARE }),
      line("Ask", colours.running, { width: 1, ...BARE }),
      line("Bid", colours.running, { width: 1, ...BARE }),
      line("Last", colours.traded, { points: point, spanGaps: true }),
    ];
    const bands = [
      { series: [1, 2], fill: css(colours.running, 0.12) },
      { series: [3, 4], fill: css(colours.running, 0.3) },
    ];
    const bars = line("Volume", colours.grid, {
      fill: css(colours.grid, 0.6),
      width: 0,
      paths: uPlot.paths.bars({ size: [0.8, 30] }),
      points: { show: false },
    });
    const quoted = ["ask_high", "bid_low", "ask", "bid", "close"].map(found.numbers);
    return [
      [one("USD", 280, prices, bands, false), [x, ...quoted]],
      [one("Volume", 90, [bars], [], false, { y: { range: (_, least, most) => [0, (most || 1) * 1.1] } }), [x, found.numbers("volume")]],
      [one("IV", 140, [line("IV", colours.latency, { points: { size: 4 } })], [], true), [x, found.numbers("iv")]],
    ];
  };

  /* Implied volatility by strike: of calls and puts, or of each expiration; a line stands at the spot. */
  const smile = (figure, found, colours) => {
    const names = found.heads.map((head) => head.name).filter((name) => name !== "strike");
    const several = figure.dataset.chart === "smiles";
    const series = names.map((name, i) => {
      if (several) {
        const colour = mixed(colours.traded, colours.latency, names.length > 1 ? i / (names.length - 1) : 0);
        return line(name, colour, { spanGaps: true, points: { size: 3 } });
      }
      const call = name === "call_iv";
      const colour = call ? colours.traded : colours.latency;
      return line(name, colour, { spanGaps: true, dash: call ? undefined : [6, 3], points: { show: true, size: 5 } });
    });
    const spot = Number(figure.dataset.spot);
    const mark = (u) => {
      if (!figure.dataset.spot) return;
      const { ctx, bbox } = u;
      const at = u.valToPos(spot, "x", true);
      if (at < bbox.left || at > bbox.left + bbox.width) return;
      ctx.save();
      ctx.strokeStyle = css(colours.dim);
      ctx.setLineDash([2, 4]);
      ctx.beginPath();
      ctx.moveTo(at, bbox.top);
      ctx.lineTo(at, bbox.top + bbox.height);
      ctx.stroke();
      ctx.restore();
    };
    const options = {
      height: 340,
      scales: { x: { time: false } },
      series: [{}, ...series],
      axes: [axis(colours), axis(colours, { size: 52 })],
      hooks: { draw: [mark] },
    };
    return [[options, [found.numbers("strike"), ...names.map(found.numbers)]]];
  };

  const DRAWN_BY = { history, smile, smiles: smile };

  /* Says a row in words: its headings and what stands below them, but for what is empty. */
  const words = (found, i) => {
    const [first, ...others] = found.heads;
    const said = others
      .map(({ name, title }) => [title, found.texts[name][i], ["verdict", "words"].includes(name)])
      .filter(([, text]) => text && text !== NONE)
      .map(([title, text, whole]) => (whole ? text : `${title} ${text}`));
    const names = { call_iv: "call", put_iv: "put" };
    if (found.texts.call_iv) {
      const pairs = Object.entries(names).map(([name, side]) => `${side} IV ${found.texts[name][i]}`);
      return `Strike ${numberOf(found.rows[i].dataset.strike)}: ${pairs.join(", ")}`;
    }
    return `${first.name === "strike" ? "Strike " : ""}${found.texts[first.name][i]}: ${said.join(", ")}`;
  };

  const show = (figure) => {
    const table = document.getElementById(figure.dataset.table);
    const panels = figure.querySelector(".panels");
    const reading = figure.querySelector("output");
    const why = figure.querySelector(".why");
    const found = read(table);
    if (figure.dataset.chart === "smile") {
      found.texts.strike = found.rows.map((row) => row.dataset.strike);
    }
    const dark = matchMedia("(prefers-color-scheme: dark)");
    let plots = [];
    let at = null;
    let width = 0;

    const tell = (i) => {
      at = i;
      reading.textContent = words(found, at);
      const link = found.rows[at].querySelector("a");
      why.hidden = !link;
      if (link) why.href = link.href;
    };
    const move = (i) => {
      tell(Math.max(0, Math.min(found.rows.length - 1, i)));
      for (const plot of plots) plot.setCursor({ left: plot.valToPos(plot.data[0][at], "x"), top: 10 }, false);
    };
    const hovered = (plot) => {
      const { idx, left } = plot.cursor;
      if (idx != null && left >= 0 && idx !== at) tell(idx);
    };
    const draw = () => {
      for (const plot of plots) plot.destroy();
      width = panels.clientWidth;
      const key = figure.dataset.table;
      plots = DRAWN_BY[figure.dataset.chart](figure, found, palette()).map(([options, data]) => {
        const hooks = { ...options.hooks, setCursor: [hovered] };
        const cursor = { y: false, drag: { x: false, y: false }, sync: { key } };
        return new uPlot({ ...options, width, hooks, cursor, legend: { show: false } }, data, panels);
      });
      figure.dataset.drawn = `${width}`;
      figure.dataset.scheme = dark.matches ? "dark" : "light";
    };

    panels.tabIndex = 0;
    panels.setAttribute("role", "group");
    panels.setAttribute("aria-label", "Picture; arrow keys move through it");
    panels.addEventListener("keydown", (event) => {
      const last = found.rows.length - 1;
      const from = at ?? (event.key === "ArrowLeft" ? last + 1 : -1);
      const to = { ArrowLeft: from - 1, ArrowRight: from + 1, PageUp: from - 12, PageDown: from + 12, Home: 0, End: last };
      if (event.key in to) move(to[event.key]);
      else if (event.key === "Enter" && !why.hidden) why.click();
      else return;
      event.preventDefault();
    });
    dark.addEventListener("change", draw);
    new ResizeObserver(() => {
      if (panels.clientWidth === width || panels.clientWidth === 0) return;
      width = panels.clientWidth;
      for (const plot of plots) plot.setSize({ width, height: plot.height });
      figure.dataset.drawn = `${width}`;
    }).observe(panels);
    draw();
  };

  for (const figure of document.querySelectorAll("figure[data-chart]")) show(figure);
})();
