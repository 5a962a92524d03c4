/* X-ray: shows the table row that a tensor's name links to, beside the code and never over it.
   One card for the page. Events are delegated, so pages swapped in by instant navigation need nothing. */
(() => {
  const d = document;
  let card, at, pinned, timer;

  const make = () => {
    if (card?.isConnected) return;
    card = d.createElement("div");
    card.id = "xr-card";
    card.role = "tooltip";
    card.hidden = true;
    card.onpointerenter = () => clearTimeout(timer);
    card.onpointerleave = later;
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
      places = places.flatMap((p) => Array.from({ length: size }, (_, k) => p + k * strides[i]));
    });
    let html = "";
    for (let i = 0; i < held; i++) {
      const first = places.indexOf(i), times = places.filter((p) => p == i).length;
      html += `<i class="${times ? "on" : ""}">${times > 1 ? "×" + times : times ? first + 1 : ""}</i>`;
    }
    return `<div class="xr-walk" aria-hidden="true">${html}</div><small>storage, and the turn at which each number is read</small>`;
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
    const mates = (cells["shares storage with"] || "").replace(/.*: /, "").split(", ").concat(cells.name);
    link.closest("code").querySelectorAll(".xr").forEach((other) =>
      other.classList.toggle("xr-mate", mates.includes(other.textContent)));
    link.setAttribute("aria-describedby", card.id);
    card.hidden = false;
    place(link);
  };

  /* Beside the code if there is room, else under it, else above it. Where the screen has too little of both,
     the page moves for a reader who asked by key or click; under a moving pointer nothing may move. */
  const place = (link) => {
    const code = link.closest("pre").getBoundingClientRect(), name = link.getBoundingClientRect();
    const room = innerWidth - code.right - 16, beside = room > 180;
    card.className = beside ? "" : "xr-wide";
    card.style.maxWidth = beside ? `min(16rem, ${room}px)` : "";
    const w = card.offsetWidth, h = card.offsetHeight;
    let left = code.right + 8, top = Math.max(56, Math.min(name.top - 12, innerHeight - h - 8));
    if (!beside) {
      const under = innerHeight - code.bottom - h - 8, above = code.top - h - 60;
      const down = under >= 0 || (above < 0 && name.top - code.top > code.bottom - name.bottom);
      const lack = Math.min(0, down ? under : above);
      if (lack && !held()) return hide();
      left = Math.max(8, Math.min(name.left, innerWidth - w - 8));
      top = down ? code.bottom + 4 : code.top - h - 4;
      if (lack) setTimeout(scrollBy, 0, { top: down ? -lack : lack, behavior: "instant" });
    }
    const page = card.offsetParent.getBoundingClientRect();
    card.style.left = left - page.left + "px";
    card.style.top = top - page.top + "px";
  };

  const held = () => pinned || at == d.activeElement;
  const hide = () => {
    clearTimeout(timer);
    if (!at) return;
    at.removeAttribute("aria-describedby");
    d.querySelectorAll(".xr-mate").forEach((other) => other.classList.remove("xr-mate"));
    card.hidden = true;
    at = pinned = null;
  };
  const later = () => {
    clearTimeout(timer);
    if (!pinned) timer = setTimeout(hide, 200);
  };
  const linkOf = (event) => event.target.closest?.("a.xr");

  d.addEventListener("pointerover", (e) => {
    const link = linkOf(e);
    if (!link || pinned || e.pointerType != "mouse") return;
    clearTimeout(timer);
    if (link != at) timer = setTimeout(show, 80, link);
  });
  d.addEventListener("pointerout", (e) => linkOf(e) && e.pointerType == "mouse" && later());
  d.addEventListener("focusin", (e) => {
    const link = linkOf(e);
    if (link) link.matches(":focus-visible") && link != at && show(link);
    else if (at && !pinned && !card.contains(e.target)) hide();
  });
  d.addEventListener("click", (e) => {
    const link = linkOf(e);
    if (link) {
      e.preventDefault();
      e.stopPropagation();
      if (pinned && at == link) return hide();
      show(link, true);
    } else if (at && !card.contains(e.target)) hide();
  }, true);
  d.addEventListener("keydown", (e) => {
    if (e.key == "Escape") return hide();
    const link = linkOf(e);
    if (!link) return;
    const all = [...link.closest("code").querySelectorAll("a.xr")], i = all.indexOf(link);
    const next = all[{ ArrowRight: i + 1, ArrowDown: i + 1, ArrowLeft: i - 1, ArrowUp: i - 1, Home: 0, End: all.length - 1 }[e.key]];
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
    d.querySelectorAll("code").forEach((code) =>
      code.querySelectorAll("a.xr").forEach((link, i) => (link.tabIndex = i ? -1 : 0)));
  };
  window.document$ ? document$.subscribe(ready) : ready();
})();
