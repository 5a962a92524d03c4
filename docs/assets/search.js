/* Fetch the search index when somebody searches, not with every first page: it weighs more than most of them.
   Runs before Material's script, which asks for the index at once. */
(({ open, send }) => {
  XMLHttpRequest.prototype.open = function (method, url, ...more) {
    this.late = /search_index\.json$/.test(url) && !/[?&]h=/.test(location.search); // h: words to mark
    open.call(this, method, url, ...more);
  };
  XMLHttpRequest.prototype.send = function (body) {
    if (!this.late) return send.call(this, body);
    const wanted = (event) => {
      if (!event.target.closest(".md-search")) return;
      removeEventListener("focusin", wanted);
      send.call(this, body);
    };
    addEventListener("focusin", wanted);
  };
})(XMLHttpRequest.prototype);
