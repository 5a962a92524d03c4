/* X-ray: shows the table row that a tensor's name links to, beside the code and never over it.
   One card for the page. Events are delegated, so pages swapped in by instant navigation need nothing. */
(() => {
  const d = document;
  let card, at, pinned, timer;
  const on = (type, act) => d.addEventListener(type, (e) => act(e, e.target.closest?.("a.xr")), true);
  const box = (element) => element.getBoundingClientRect();
  const names = (link) => [...link.closest("code").querySelectorAll("a.xr")];

  const make = () => {
    if (card?.isConnected) return;
    card = Object.assign(d.createElement("div"), {
      id: "xr-card", role: "tooltip", hidden: true, onpointerenter: () => clearTimeout(timer), onpointerleave: later,
    });
    d.querySelector("main").append(card);
  };

  /* The storage, cell by cell, each with the turn at which the tensor reads it. */
  const walk = (cells) => {
    const numbers = (text = "") => (text.match(/\d+/g) || []).map(Number);
    if (/bytes/.test(cells.strides)) return "";
    const shape = numbers(cells.shape), strides = numbers(cells.strides);
    const offset = +(/offset (\d+)/.exec(cells.layout) || [0, 0])[1];
    const count = shape.reduce((a, b) => a * b, 1);
    const held = +(/storage of (\d+)/.exec(cells.layout) || [0, count])[1];
    if (!strides.length || held > 24 || count > 48 || strides.length != shape.length) return "";
    let places = [offset];
    shape.forEach((size, i) => {
      places = places.flatMap((p) => [...Array(size).keys()].map((k) => p + k * strides[i]));
    });
    const turns = [...Array(held).keys()].map((i) => {
      const times = places.filter((p) => p == i).length;
      return times ? `<i class="on">${times > 1 ? "×" + times : places.indexOf(i) + 1}</i>` : "<i></i>";
    });
    return `<div class="xr-walk" aria-hidden="true">${turns.join("")}</div><small>storage, and the turn at which each is read</small>`;
  };

  const show = (link, pin) => {
    const row = d.getElementById(link.hash.slice(1));
    if (!row) return;
    hide();
    make();
    at = link;
    pinned = pin;
    const cells = {};
    let facts = "";
    [...row.closest("table").tHead.rows[0].cells].forEach((head, i) => {
      const fact = (cells[head.textContent] = row.cells[i].innerHTML);
      if (i > 1 && fact) facts += `<dt>${head.textContent}</dt><dd>${fact}</dd>`;
    });
    card.innerHTML = `<b>${cells.name}</b> <span>line ${cells.line}</span><dl>${facts}</dl>${walk(cells)}`;
    const mates = [cells.name, ...(cells["shares storage with"] || "").replace(/.*: /, "").split(", ")];
    names(link).forEach((other) => other.classList.toggle("xr-mate", mates.includes(other.textContent)));
    link.setAttribute("aria-describedby", card.id);
    card.hidden = false;
    place(link);
  };

  /* Beside the code if there is room, else under it, else above it. Where the screen has too little of both,
     the page moves for a reader who asked by key or click; under a moving pointer nothing may move. */
  const place = (link) => {
    const code = box(link.closest("pre")), name = box(link);
    const room = innerWidth - code.right - 16, beside = room > 180;
    card.className = beside || innerWidth < 600 ? "" : "xr-wide";
    card.style.maxWidth = beside ? `min(16rem, ${room}px)` : "";
    const h = card.offsetHeight;
    let left = code.right + 8, top = Math.max(56, Math.min(name.top - 12, innerHeight - h - 8));
    if (!beside) {
      const under = innerHeight - code.bottom - h - 8, above = code.top - h - 60;
      const down = under >= 0 || (above < 0 && name.top - code.top > code.bottom - name.bottom);
      const lack = Math.min(0, down ? under : above);
      if (lack && !held()) return hide();
      left = Math.max(8, Math.min(name.left, innerWidth - card.offsetWidth - 8));
      top = down ? code.bottom + 4 : code.top - h - 4;
      if (lack) setTimeout(scrollBy, 0, 0, down ? -lack : lack);
    }
    const page = box(card.offsetParent);
    card.style.left = left - page.left + "px";
    card.style.top = top - page.top + "px";
  };

  const held = () => pinned || at == d.activeElement;
  const hide = () => {
    clearTimeout(timer);
    if (!at) return;
    at.removeAttribute("aria-describedby");
    names(at).forEach((other) => other.classList.remove("xr-mate"));
    card.hidden = true;
    at = pinned = null;
  };
  const later = () => {
    clearTimeout(timer);
    if (!pinned) timer = setTimeout(hide, 200);
  };

  on("pointerover", (e, link) => {
    if (!link || pinned || e.pointerType != "mouse") return;
    clearTimeout(timer);
    if (link != at) timer = setTimeout(show, 80, link);
  });
  on("pointerout", (e, link) => link && e.pointerType == "mouse" && later());
  on("focusin", (e, link) => {
    if (link) link.matches(":focus-visible") && link != at && show(link);
    else if (at && !pinned && !card.contains(e.target)) hide();
  });
  on("click", (e, link) => {
    if (link) {
      e.preventDefault();
      e.stopPropagation();
      if (pinned && at == link) hide();
      else show(link, true);
    } else if (at && !card.contains(e.target)) hide();
  });
  on("keydown", (e, link) => {
    if (e.key == "Escape") return hide();
    if (!link) return;
    const all = names(link), i = all.indexOf(link), step = { Right: 1, Down: 1, Left: -1, Up: -1 }[e.key.slice(5)];
    const next = step ? all[i + step] : { Home: all[0], End: all.at(-1) }[e.key];
    if (!next) return;
    e.preventDefault();
    link.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  addEventListener("scroll", () => at && !held() && hide());
  addEventListener("resize", hide);

  /* One stop for the Tab key in each cell; the arrows go on from there. */
  const ready = () => {
    hide();
    d.querySelectorAll("a.xr").forEach((link) => (link.tabIndex = link == names(link)[0] ? 0 : -1));
  };
  window.document$ ? document$.subscribe(ready) : ready();
})();
