/* What a page need not say itself: each cell has a link to itself, beside its copy button.
   And the X-ray: shows the table row that a tensor's name links to, beside the code and never over it.

   A row's data say what a card draws: `data-walk`, how the tensor reads its storage, `data-mates`, the names that
   share its memory, `data-was`, the row of its name before the cell, and `data-values`, its numbers; where the page's
   first table has `data-file`, they are in that script, which is fetched for the first card.
   What the table's cells say is shown as it is, and never read, but for the name and the line.
   One card for the page. Events are delegated, so pages swapped in by instant navigation need nothing. */
(() => {
  if (window.tpReady) return tpReady(); // each page may bring this script
  const HEADER = 56; // height of the bar at the top, which hides what is under it
  const GAP = 8;

  let card;
  let current = null; // the link whose card is shown
  let shown; // the row in the card
  let isPinned = false;
  let timer;

  /* Call `act(event, link)` on each event of a type; `link` is the tensor's name it happened at, if any. */
  const on = (type, act) => {
    document.addEventListener(type, (event) => act(event, event.target.closest?.("a.xr")), true);
  };
  const boxOf = (element) => element.getBoundingClientRect();
  const namesBeside = (link) => [...link.closest("code").querySelectorAll("a.xr")];
  /* The names of tensors, then those of torch, which lead to the index of names. */
  const linksBeside = (link) => [...namesBeside(link), ...link.closest("code").querySelectorAll("a:not(.xr)")];

  const makeCard = () => {
    if (card?.isConnected) return;
    card = document.createElement("div");
    card.id = "xr-card";
    card.setAttribute("role", "group");
    card.setAttribute("aria-label", "State of a tensor");
    card.setAttribute("aria-live", "polite");
    card.hidden = true;
    card.onpointerenter = () => clearTimeout(timer);
    card.onpointerleave = hideLater;
    card.onmousedown = (event) => event.target.closest("button") && event.preventDefault(); // the name keeps the focus
    card.onclick = (event) => event.target.dataset.by && step(+event.target.dataset.by);
    document.querySelector("main").append(card);
  };

  /* The storage, place by place, each with the turn at which the tensor reads it. */
  const drawWalk = ([shape, strides, offset = 0, held]) => {
    let reads = [offset];
    shape.forEach((size, axis) => {
      const moves = [...Array(size).keys()].map((index) => index * strides[axis]);
      reads = reads.flatMap((place) => moves.map((move) => place + move));
    });
    const places = [...Array(held ?? reads.length).keys()].map((place) => {
      const times = reads.filter((read) => read == place).length;
      if (!times) return "<i></i>";
      return `<i class="on">${times > 1 ? "×" + times : reads.indexOf(place) + 1}</i>`;
    });
    const caption = "<small>its memory, place by place: 1 is read first, ×2 twice, an empty place never</small>";
    return `<div class="xr-walk" aria-hidden="true">${places.join("")}</div>${caption}`;
  };

  /* The numbers of a row; undefined where it has none, or until they have come. */
  const valuesOf = (row) => {
    if (row.dataset.values) return row.dataset.values;
    const file = document.querySelector(".xr-rows[data-file]")?.dataset.file;
    if (!file) return;
    const known = window.tpValues?.[file.split("/").pop()];
    if (!known && !document.querySelector(`script[src="${file}"]`)) {
      const script = document.createElement("script"); // and no fetch, which a page from a folder may not
      script.src = file;
      script.onload = () => current && fill();
      document.head.append(script);
    }
    return known?.[row.id];
  };

  /* The states of a name before and after the lines of its cell, as rows, where there is more than one. */
  const stepsOf = (link) => {
    const rows = [...link.closest(".tp-cell").querySelectorAll(".xr-rows tbody tr")];
    const own = rows.filter((row) => row.cells[0].textContent == link.textContent && +row.cells[1].textContent);
    const was = document.getElementById(own[0]?.dataset.was);
    return was ? [was, ...own] : own;
  };

  const contentOf = (row) => {
    const [name, line, ...facts] = [...row.cells];
    const labels = [...row.closest("table").tHead.rows[0].cells].slice(2);
    const list = facts.map((fact, i) =>
      fact.textContent ? `<dt>${labels[i].innerHTML}</dt><dd>${fact.innerHTML}</dd>` : "",
    );
    const walk = row.dataset.walk ? drawWalk(JSON.parse(row.dataset.walk)) : "";
    const [cell, here] = [row, current].map((element) => element.closest(".tp-cell"));
    const from = cell == here ? "" : ` of <a href="#${cell.id}">${cell.id.slice(5).replaceAll("-", " ")}</a>`;
    const steps = stepsOf(current);
    const at = steps.indexOf(row);
    const button = (by, sign, label) =>
      `<button type="button" tabindex="-1" data-by="${by}" aria-label="${label}" ${steps[at + by] ? "" : "disabled"}>${sign}</button>`;
    const turns = steps[1] && at >= 0 ? button(-1, "←", "The state before") + button(1, "→", "The state after it") : "";
    const head = `<div class="xr-head"><b>${name.innerHTML}</b> <span>after line ${line.innerHTML}${from}</span>${turns}</div>`;
    return `${head}<pre class="xr-v" hidden></pre><dl>${list.join("")}</dl>${walk}`;
  };

  /* Fill the card with a state, and mark the line that it comes from. */
  const fill = (row = shown) => {
    shown = row;
    card.innerHTML = contentOf(row);
    const values = valuesOf(row);
    const box = card.querySelector(".xr-v");
    box.textContent = values ?? "";
    box.hidden = !values;
    const mates = [current.textContent, ...(row.dataset.mates || "").split(",")];
    namesBeside(current).forEach((name) => name.classList.toggle("xr-mate", mates.includes(name.textContent)));
    const code = current.closest("code");
    const line = row.closest(".tp-cell") == current.closest(".tp-cell") ? +row.cells[1].textContent : 0;
    code.classList.toggle("xr-at", line > 0);
    code.style.setProperty("--xr-line", line - 1);
    place(current);
  };

  const step = (by) => {
    const steps = stepsOf(current);
    const row = steps[steps.indexOf(shown) + by];
    if (row && steps.includes(shown)) fill(row);
  };

  const show = (link, pin = false) => {
    const row = document.getElementById(link.hash.slice(1));
    if (!row) return;
    hide();
    known();
    makeCard();
    current = link;
    isPinned = pin;
    link.setAttribute("aria-describedby", card.id);
    card.hidden = false;
    fill(row);
  };

  /* Beside the code if there is room, else under it, else above it. Where the screen has too little of both,
     the page moves for a reader who asked by key or click; under a moving pointer nothing may move. */
  const place = (link) => {
    const code = boxOf(link.closest("pre"));
    const name = boxOf(link);
    const room = innerWidth - code.right - 2 * GAP;
    const isBeside = room > 180;
    card.className = isBeside || innerWidth < 600 ? "" : "xr-wide";
    card.style.maxWidth = isBeside ? `min(16rem, ${room}px)` : "";
    const height = card.offsetHeight;
    let left = code.right + GAP;
    let top = Math.max(HEADER, Math.min(name.top - 12, innerHeight - height - GAP));
    if (!isBeside) {
      const under = innerHeight - code.bottom - height - GAP;
      const above = code.top - height - HEADER - 4;
      const isNearerEnd = name.top - code.top > code.bottom - name.bottom;
      const isUnder = under >= 0 || (above < 0 && isNearerEnd);
      const lack = -Math.min(0, isUnder ? under : above);
      if (lack && !isAskedFor()) return hide();
      left = Math.max(GAP, Math.min(name.left, innerWidth - card.offsetWidth - GAP));
      top = isUnder ? code.bottom + 4 : code.top - height - 4;
      if (lack) setTimeout(() => scrollBy(0, isUnder ? lack : -lack));
    }
    const page = boxOf(card.offsetParent);
    card.style.left = `${left - page.left}px`;
    card.style.top = `${top - page.top}px`;
  };

  const isAskedFor = () => isPinned || current == document.activeElement;

  const hide = () => {
    clearTimeout(timer);
    if (!current) return;
    current.removeAttribute("aria-describedby");
    namesBeside(current).forEach((name) => name.classList.remove("xr-mate"));
    current.closest("code").classList.remove("xr-at");
    card.hidden = true;
    current = null;
    isPinned = false;
  };
  const hideLater = () => {
    clearTimeout(timer);
    if (!isPinned) timer = setTimeout(hide, 200);
  };

  on("pointerover", (event, link) => {
    if (!link || isPinned || event.pointerType != "mouse") return;
    clearTimeout(timer);
    if (link != current) timer = setTimeout(show, 80, link);
  });
  on("pointerout", (event, link) => {
    if (link && event.pointerType == "mouse") hideLater();
  });
  on("focusin", (event, link) => {
    if (link) {
      if (link.matches(":focus-visible") && link != current) show(link);
    } else if (current && !isPinned && !card.contains(event.target)) {
      hide();
    }
  });
  on("click", (event, link) => {
    if (link) {
      event.preventDefault();
      event.stopPropagation();
      if (isPinned && current == link) hide();
      else show(link, true);
    } else if (current && !card.contains(event.target)) {
      hide();
    }
  });
  on("keydown", (event) => {
    if (event.key == "Escape") return hide();
    const link = event.target.closest?.("code a");
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by && current && (link == current || card.contains(event.target))) {
      event.preventDefault();
      return step(by);
    }
    if (!link) return;
    const names = namesBeside(link);
    const links = linksBeside(link);
    const at = links.indexOf(link);
    const next = {
      ArrowDown: links[at + 1],
      ArrowUp: links[at - 1],
      Home: names[0],
      End: names.at(-1),
    }[event.key];
    if (!next) return;
    event.preventDefault();
    link.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  addEventListener("scroll", () => {
    if (current && !isAskedFor()) hide();
  });
  addEventListener("resize", hide);

  /* Until the first card: what dotted names are, under the first cell that has some. */
  const HINT = '<span class="xr-hint"> · point at a dotted name above, or tap it</span>';
  const isKnown = (set) => {
    try {
      if (set) localStorage.tpXray = 1;
      return localStorage.tpXray;
    } catch {
      return true; // no storage: better never than on each page
    }
  };
  const known = () => {
    isKnown(true);
    document.querySelector(".xr-hint")?.remove();
  };

  /* One stop for the Tab key in each cell; the arrows go on from there: up and down to the other names, left and
     right to the states of one. */
  const ready = () => {
    hide();
    if (!isKnown()) document.querySelector(".xr-t > summary")?.insertAdjacentHTML("beforeend", HINT);
    document.querySelectorAll(".tp-cell[id]:not(:has(> .tp-anchor))").forEach((cell) => {
      const link = document.createElement("a");
      link.className = "tp-anchor";
      link.href = "#" + cell.id;
      link.title = "Link to this cell";
      cell.append(link);
    });
    document.querySelectorAll(".tp-cell code:has(a)").forEach((code) => {
      const first = code.querySelector("a.xr") ?? code.querySelector("a");
      code.querySelectorAll("a").forEach((link) => (link.tabIndex = link == first ? 0 : -1));
    });
  };
  window.tpReady = ready;
  if (window.document$) document$.subscribe(ready);
  else ready();
})();
