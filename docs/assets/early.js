/* What runs before Material's script: the search that it has, asked in a reader's words, for errors are pasted and
   calls typed with their dots; and links within a page. */

/* The first link within a page is the browser's own. Material would fetch the page and lay it anew, with all folds
   closed; once it has shown another page, it does not. */
{
  let isFirst = true;
  addEventListener("DOMContentLoaded", () => window.location$?.subscribe(() => (isFirst = false)));
  const isOfPage = ({ href }) => href.split("#")[0] == location.href.split("#")[0];
  const leave = ({ target }) => {
    const link = isFirst && target.closest?.("a[href*='#']");
    if (link && isOfPage(link)) link.target = "_self"; // Material leaves links with a target alone
  };
  addEventListener("click", leave, true);
  addEventListener("popstate", (event) => isFirst && event.stopImmediatePropagation());
}

/* Fetch the search index when somebody searches, not with every first page: it weighs more than most of them.
   Material's script asks for it at once. */
(({ open, send }) => {
  XMLHttpRequest.prototype.open = function (method, url, ...more) {
    this.late = /search_index\.json$/.test(url) && !/[?&]h=[^&]/.test(location.search); // h: words to mark
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

/* What is pasted by a menu, as on a phone, is asked for as well: Material listens to keys. */
addEventListener("input", ({ target, inputType }) => {
  if (target.matches(".md-search__input") && inputType == "insertFromPaste") target.dispatchEvent(new Event("keyup"));
});

/* Put a query into the words of the index, and what Material answers back into those that were typed.
   The index is made by scripts/torchproof/builders/search.py and `search` in mkdocs.yml. */
(() => {
  const QUERY = 2, RESULT = 3; // kinds of messages to and from Material's worker
  const EXACT = 8, NAME = 24; // what a whole word, and a name with its dot, counts against one that begins alike
  const TYPE = /^\s*[\w.]+(Error|Warning|Exception): /;
  const WHOLE = 1e6; // what is above every score
  const MESSAGE = 9; // so many words are no question but a message
  const QUOTED = 3; // so few are a topic: who quotes an error types more

  const stop = new Set(
    `a about am an and any are as at be been but by can cannot could did do does doesn don for from get got had has have
    how i if in into is isn it its just ll me my need no not of on or our out please pytorch re s should so such t than
    that the their them then there these they this to too use used using ve versus vs want was way we were what when
    where which while who why will with without won work works would you your
    call exception file last line most python recent traceback false none true`.split(/\s+/)
  );
  const roots = new Set(["f", "functional", "nn", "np", "numpy", "plt", "self", "torch", "utils"]);

  /* The typed words that count, each with the words of the index that it stands for.
     Numbers, shapes and types of errors count only where nothing else does: they are another reader's. */
  function words(text) {
    const found = new Map(), weak = new Map();
    const lower = text.toLowerCase().replace(/[‘’]/g, "'").replace(/(\w)'(?=(t|s|re|ve|ll|d|m)\b)/g, "$1 ");
    for (const [, chunk, call] of lower.matchAll(/([\p{L}\p{N}_.]+)(\(?)/gu)) {
      const whole = chunk.replace(/\.+$|^\.+(?=\.|\d)/g, "");
      const parts = whole.split(".").filter(Boolean), name = parts.pop();
      if (!name) continue;
      if (/^[\d.]+(x\d+)*$/.test(whole)) weak.set(whole, [whole]);
      else if (/(error|warning|exception)$/.test(name)) weak.set(name, [name]);
      else if (whole.includes(".")) {
        for (const part of parts) if (part.length > 1 && !roots.has(part)) found.set(part, [part]);
        found.set(`.${name}`, [name, `.${name}`]);
      } else if (call || name.includes("_")) found.set(name, [name, `.${name}`]);
      else if (name.length > 1 && !stop.has(name)) found.set(name, [name]);
      else weak.set(name, [name]);
    }
    return found.size ? found : weak;
  }

  /* What the forms of a word have in common, to look for what begins with it. */
  function stem(word) {
    if (/[\d_.]/.test(word)) return word.replace(/_+$/, "");
    const cut = word.replace(/(i[sz](e[sd]?|ing|ations?)|ing|ed|ies|es|[sey])$/, "");
    const short = /(ing|ed)$/.test(word) ? cut.replace(/([bdgmnprt])\1$/, "$1") : cut;
    return short.length > 2 && /[aeiou]/.test(short) && !/ss$/.test(word) ? short : word;
  }

  /* What Material is asked: each word, more than what begins alike; a name with its dot, as cells use it, most. */
  function asked(found) {
    const all = [...found.values()].flat();
    const near = (word) => (word.length > 3 || word == all.at(-1) ? ` ${stem(word)}` : "");
    return all.map((word) => `${word}^${word[0] == "." ? NAME : EXACT}${near(word)}`).join(" ");
  }

  /* Words and nothing else: numbers, shapes and signs of a message are another reader's. */
  const plain = (text) => text.toLowerCase().replace(/[^\p{L}]+/gu, " ").trim();
  const shown = (html) => html.replace(/<[^>]*>/g, "").replace(/&\w+;/g, " ");

  /* First what says all that was asked, in this order; and mark, and miss, the words that were typed: of a message none. */
  function tell({ found, text }, { items }) {
    const said = plain(text.replace(TYPE, ""));
    const has = (terms, word) => terms[word] || terms[stem(word)];
    for (const item of items.flat()) {
      const told = [...found].map(([typed, all]) => [typed, all.some((word) => has(item.terms, word))]);
      item.terms = found.size < MESSAGE ? Object.fromEntries(told) : {};
      const raised = /#(cell-|error-|%)/.test(item.location) && plain(shown(item.title).replace(TYPE, ""));
      const is = (words) => words.includes(" ") && plain(shown(`${item.title} ${item.also || ""}`)).includes(words);
      const isQuoted = is(said) && (!raised || found.size > 1); // a call is no quotation
      if (isQuoted || (raised && raised.split(" ").length > 2 && said.includes(raised))) item.score += WHOLE;
      else if (raised && found.size < QUOTED) item.score /= 10;
    }
    for (const group of items) group.sort((a, b) => b.score - a.score);
    items.sort(([a], [b]) => b.score - a.score);
  }

  window.Worker = class extends Worker {
    constructor(...given) {
      super(...given);
      this.queries = [];
      this.addEventListener("message", ({ data }) => {
        if (data.type == RESULT) tell(this.queries.shift(), data.data);
      });
    }
    postMessage(message, ...more) {
      if (message.type == QUERY) {
        const found = words(message.data);
        this.queries.push({ found, text: message.data });
        message = { ...message, data: asked(found) };
      }
      super.postMessage(message, ...more);
    }
  };
})();
