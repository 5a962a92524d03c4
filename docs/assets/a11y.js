/* What Material's script leaves to the mouse: whatever scrolls can be reached and scrolled by the keyboard,
   the header's icons are buttons, and the navigation around each copy button is no landmark. */
(() => {
  const d = document;
  const BOXES = "article :is(pre, pre > code, .md-typeset__scrollwrap, .xr-s, .tp-drawing, .tp-table)";
  const each = (selector, mend) => d.querySelectorAll(selector).forEach(mend);

  const mend = () => {
    each("nav.md-code__nav", (nav) => nav.setAttribute("role", "presentation"));
    each("label.md-header__button:is([for=__drawer], [for=__search])", (label) => {
      label.tabIndex = 0;
      label.setAttribute("role", "button");
      label.setAttribute("aria-label", label.htmlFor == "__drawer" ? "Menu" : "Search");
    });
    const boxes = [...d.querySelectorAll(BOXES)];
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
})();
