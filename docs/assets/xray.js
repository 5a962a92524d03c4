/* X-ray: shows the table row that a tensor's name links to, beside the code and never over it.

   A row's data say what a card draws: `data-walk`, how the tensor reads its storage, and `data-mates`, the names that
   share its memory. What the table's cells say is shown as it is, and never read.
   One card for the page. Events are delegated, so pages swapped in by instant navigation need nothing. */
(() => {
  const HEADER = 56; // height of the bar at the top, which hides what is under it
  const GAP = 8;

  let card;
  let current = null; // the link whose card is shown
  let isPinned = false;
  let timer;

  /* Call `act(event, link)` on each event of a type; `link` is the tensor's name it happened at, if any. */
  const on = (type, act) => {
    document.addEventListener(type, (event) => act(event, event.target.closest?.("a.xr")), true);
  };
  const boxOf = (element) => element.getBoundingClientRect();
  const namesBeside = (link) => [...link.closest("code").querySelectorAll("a.xr")];
  const linksBeside = (link) => [...link.closest("code").querySelectorAll("a")]; // and those of torch's names

  const makeCard = () => {
    if (card?.isConnected) return;
    card = document.createElement("div");
    card.id = "xr-card";
    card.setAttribute("role", "tooltip");
    card.hidden = true;
    card.onpointerenter = () => clearTimeout(timer);
    card.onpointerleave = hideLater;
    document.querySelector("main").append(card);
  };

  /* The storage, place by place, each with the turn at which the tensor reads it. */
  const drawWalk = ([shape, strides, offset = 0, held]) => {
    let reads = [offset];
    shape.forEach((size, axis) => {
      const steps = [...Array(size).keys()].map((index) => index * strides[axis]);
      reads = reads.flatMap((place) => steps.map((step) => place + step));
    });
    const places = [...Array(held ?? reads.length).keys()].map((place) => {
      const times = reads.filter((read) => read == place).length;
      if (!times) return "<i></i>";
      return `<i class="on">${times > 1 ? "×" + times : reads.indexOf(place) + 1}</i>`;
    });
    const caption = "<small>storage, and the turn at which each is read</small>";
    return `<div class="xr-walk" aria-hidden="true">${places.join("")}</div>${caption}`;
  };

  const contentOf = (row) => {
    const [name, line, ...facts] = [...row.cells];
    const labels = [...row.closest("table").tHead.rows[0].cells].slice(2);
    const list = facts.map((fact, i) =>
      fact.textContent ? `<dt>${labels[i].innerHTML}</dt><dd>${fact.innerHTML}</dd>` : "",
    );
    const walk = row.dataset.walk ? drawWalk(JSON.parse(row.dataset.walk)) : "";
    return `<b>${name.innerHTML}</b> <span>line ${line.innerHTML}</span><dl>${list.join("")}</dl>${walk}`;
  };

  const show = (link, pin = false) => {
    const row = document.getElementById(link.hash.slice(1));
    if (!row) return;
    hide();
    makeCard();
    current = link;
    isPinned = pin;
    card.innerHTML = contentOf(row);
    const mates = [link.textContent, ...(row.dataset.mates || "").split(",")];
    namesBeside(link).forEach((name) => name.classList.toggle("xr-mate", mates.includes(name.textContent)));
    link.setAttribute("aria-describedby", card.id);
    card.hidden = false;
    place(link);
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
    if (!link) return;
    const names = namesBeside(link);
    const links = linksBeside(link);
    const at = names.indexOf(link);
    const next = {
      ArrowRight: names[at + 1],
      ArrowDown: links[links.indexOf(link) + 1],
      ArrowLeft: names[at - 1],
      ArrowUp: links[links.indexOf(link) - 1],
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

  /* One stop for the Tab key in each cell; the arrows go on from there. */
  const ready = () => {
    hide();
    document.querySelectorAll(".tp-cell code a").forEach((link) => {
      link.tabIndex = link == (namesBeside(link)[0] ?? linksBeside(link)[0]) ? 0 : -1;
    });
  };
  if (window.document$) document$.subscribe(ready);
  else ready();
})();
