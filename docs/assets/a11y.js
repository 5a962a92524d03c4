/* What Material's script leaves to the mouse: whatever scrolls can be reached and scrolled by the keyboard, and the
   header's icons are buttons.
   The copy buttons: Material adds one after the other, and measures the page after each.
   The button for light and dark, which partials/javascripts/palette.html shows.
   And anchors: Material notes where a page is scrolled a moment later; where a link was clicked meanwhile, and the next
   page is still on its way, the note lands in that page's entry, which then counts as visited and is left at its top. */
(() => {
  const d = document;
  const BOXES = "article :is(pre, pre > code, .md-typeset__scrollwrap, .xr-s, .tp-drawing, .tp-table)";
  const CODE = "article pre > code:not(.md-code__nav + *)";
  const each = (selector, mend) => d.querySelectorAll(selector).forEach(mend);

  const button = d.getElementById("scheme");
  const bar = d.head.appendChild(d.createElement("meta"));
  bar.name = "theme-color"; // of a phone's browser around the page
  const paintBar = () => (bar.content = getComputedStyle(button.closest("header")).backgroundColor);
  button.onclick = () => {
    const dark = d.body.dataset.mdColorScheme == "default";
    __md_set("__palette", { index: +dark });
    d.body.dataset.mdColorSwitching = ""; // colours do not fade: a page half in the dark cannot be read
    d.documentElement.style.colorScheme = dark ? "dark" : "light";
    d.body.dataset.mdColorScheme = dark ? "slate" : "default";
    paintBar();
    setTimeout(() => delete d.body.dataset.mdColorSwitching);
  };
  requestAnimationFrame(paintBar);

  let copies = 0;
  const addCopy = (code) => {
    code.id ||= `__copy_${++copies}`;
    const button = `<button class="md-code__button" title="Copy to clipboard" data-clipboard-target="#${code.id}" data-md-type="copy"></button>`;
    code.insertAdjacentHTML("beforebegin", `<nav class="md-code__nav" role="presentation">${button}</nav>`);
  };

  const mend = () => {
    each(CODE, addCopy);
    each("label.md-header__button:is([for=__drawer], [for=__search])", (label) => {
      label.tabIndex = 0;
      label.setAttribute("role", "button");
      label.setAttribute("aria-label", label.htmlFor == "__drawer" ? "Menu" : "Search");
    });
    const isOpen = (box) => !box.closest("details:not([open])"); // what is folded is laid out for each question anew
    const boxes = [...d.querySelectorAll(BOXES)].filter(isOpen);
    const wide = boxes.map((box) => box.scrollWidth > box.clientWidth); // all are read first: a write makes a layout
    boxes.forEach((box, n) => (wide[n] ? (box.tabIndex = 0) : box.removeAttribute("tabindex")));
  };

  let asked;
  const soon = () => {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(mend);
  };
  const isCard = ({ target }) => target.closest("#xr-card"); // of the X-ray: nothing in it is to be mended
  new MutationObserver((changes) => changes.every(isCard) || soon()).observe(d.body, { childList: true, subtree: true });
  addEventListener("resize", soon);
  d.addEventListener("toggle", soon, true);
  d.addEventListener("keydown", (event) => {
    if (event.key != " " || !event.target.matches("label[role=button]")) return;
    event.preventDefault();
    event.target.click();
  });
  soon();

  let shown = location.pathname;
  window.document$?.subscribe(() => (shown = location.pathname));
  const replaceState = history.replaceState.bind(history);
  history.replaceState = (...entry) => location.pathname == shown && replaceState(...entry);
})();
