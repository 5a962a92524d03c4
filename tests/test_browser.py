"""The built site in a real browser: what readers click, tap, type and print; nothing leaves the site."""

import io
import itertools
import json
import operator
import os
import re
from collections import Counter
from pathlib import Path

import pytest
from book import SITE
from browsing import AXE_FILE_PATH, MISSING
from conftest import NIGHTLY
from kinds import PAGES, tried

if MISSING:
    if os.environ.get("CI"):
        pytest.fail(f"{MISSING}; CI must not skip the browser tests", pytrace=False)
    pytest.skip(MISSING, allow_module_level=True)

CHAPTER = "tensors/memory/"
WITH_PICTURES = "tensors/memory_format/"
KINDS = {
    "home": "",
    "chapter": CHAPTER,
    "walk-through": "walkthroughs/ball/",
    "verification": "verification/",
    "not found": "no/such/page/",
}
WIDTHS = {"desktop": 1440, "phone": 390}


@pytest.fixture
def visit(chromium, web):
    """`visit(path)` opens a page in a fresh profile; at the end, no request has left and the console is clean."""
    contexts, foreign, said = [], [], []

    def opened(path="", *, scheme="light", width=1440, height=900, **options):
        touch = {"has_touch": True, "is_mobile": True} if width < 600 else {}
        context = chromium.new_context(
            color_scheme=scheme, viewport={"width": width, "height": height}, **touch | options
        )
        context.set_default_timeout(60_000)  # a busy machine is slow
        contexts.append(context)
        address = path if ":" in path else web.address + path
        home = address if ":" in path else web.address
        page = context.new_page()
        context.on("request", lambda request: foreign.append(request.url) if not is_own(request.url) else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        # a browser says that the address itself was not found; anything else that is missing is an error
        page.on("console", lambda message: said.append(message.text) if not is_expected(message) else None)

        def is_own(url):
            return url.startswith((home.rpartition("/")[0] if home.startswith("file:") else home, "data:", "blob:"))

        def is_expected(message):
            own = message.location["url"] == address and "404" in message.text
            # Material's search says so of a letter typed before its index has come, and answers when it has
            early = message.text.startswith("Invalid query: ") or "reading '_index'" in message.text
            return own or early or message.type not in ("error", "warning")

        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert foreign == [], "requests left the site"
    assert said == [], "the console is not clean"


@pytest.fixture
def laid_out(visit, web):
    """`laid_out(width=...)` is a function: the page at a path as it stands with no script run, in a sixth of the time.

    Once a page is there, the next ones take its place below its header, as a link that is followed does.
    """

    def opened(**options):
        page = visit("404.html", java_script_enabled=False, **options)
        page.evaluate("document.documentElement.className = 'js'")  # as the first script would

        def lay_out(path, *, is_unfolded=False):
            page.evaluate(SWAP, [web.address + path, is_unfolded])
            return page

        return lay_out

    return opened


SWAP = """
async ([address, isUnfolded]) => {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${answer.status} ${address}`);
  const next = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".md-main");
  for (const picture of next.querySelectorAll("[src]")) picture.src = new URL(picture.getAttribute("src"), address);
  if (isUnfolded) next.querySelectorAll("details").forEach((fold) => (fold.open = true));
  document.querySelector(".md-main").replaceWith(next);
}
"""


def violations(page):
    """What axe-core finds in both schemes, as one line for each element; every fold is open."""
    page.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = true))")
    if page.evaluate("!window.axe"):
        page.evaluate(Path(AXE_FILE_PATH).read_text(encoding="utf-8"))
    # a label that looks like a button is the only way to Material's menu and search on a phone
    rules = {rule: {"enabled": False} for rule in ("aria-allowed-role", *STYLED)}
    found = told(page.evaluate("(rules) => axe.run(document, { rules, resultTypes: ['violations'] })", rules))
    found += faint(page)
    change_scheme(page)
    return found + faint(page)


def change_scheme(page):
    before = page.locator("body").get_attribute("data-md-color-scheme")
    page.evaluate("document.getElementById('scheme').click()")
    page.wait_for_function("(before) => document.body.dataset.mdColorScheme != before", arg=before)


STYLED = ("color-contrast", "link-in-text-block")
"""Rules about colours."""


SEEN: dict[str, set[str]] = {}
"""For each scheme, the kinds of words whose colours were looked at, on whatever page."""


def faint(page):
    """What the rules about colours find; of words in the same colour, size and weight on the same grounds they see one.

    Looking at every word of a chapter would take a hundred times as long as all other rules.
    """
    known = SEEN.setdefault(page.locator("body").get_attribute("data-md-color-scheme"), set())
    found, kinds = page.evaluate(
        """async ([rules, known]) => {
            const seen = new Set(known), kinds = new Map(), grounds = new Map([[null, ""]]);
            const ground = (element) => {
                if (!grounds.has(element)) {
                    const style = getComputedStyle(element), own = [style.opacity, style.backgroundImage, style.backgroundColor];
                    const isClear = own.join() == "1,none,rgba(0, 0, 0, 0)";
                    grounds.set(element, ground(element.parentElement) + (isClear ? "" : own));
                }
                return grounds.get(element);
            };
            const ink = (element) => {
                const { color, fontSize, fontWeight, textDecoration } = getComputedStyle(element);
                return [color, fontSize, fontWeight, textDecoration];
            };
            for (const element of document.body.querySelectorAll("*")) {
                if (![...element.childNodes].some((node) => node.nodeType == 3 && node.data.trim())) continue;
                const link = element.closest("a"), around = link ? [ink(link), ink(link.parentElement)] : [];
                const kind = [element == link, ink(element), around, ground(element)].join();
                if (!kinds.has(kind) && !seen.has(kind) && element.checkVisibility()) kinds.set(kind, element);
            }
            const include = [...kinds.values()];
            const found = include.length && await axe.run({ include }, { runOnly: rules, resultTypes: ["violations"] });
            return [found || { violations: [] }, [...kinds.keys()]];
        }""",
        [STYLED, sorted(known)],
    )
    known.update(kinds)
    return told(found)


def told(found):
    nodes = [(rule["id"], node) for rule in found["violations"] for node in rule["nodes"]]
    return [f"{rule}: {node['target']} {node['failureSummary']}" for rule, node in nodes]


def boxes_overlap(a, b):
    return (
        a["x"] < b["x"] + b["width"]
        and b["x"] < a["x"] + a["width"]
        and (a["y"] < b["y"] + b["height"] and b["y"] < a["y"] + a["height"])
    )


# --- every kind of page -------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_nothing_on_a_desktop(visit, kind):
    assert violations(visit(KINDS[kind])) == []


@pytest.mark.parametrize("width", WIDTHS if NIGHTLY else ["phone"])
def test_axe_finds_nothing_with_the_card_open(visit, width):
    page = visit("", width=WIDTHS[width])
    page.locator("a.xr").first.click()

    assert page.locator("#xr-card").is_visible()
    assert violations(page) == []


@pytest.mark.parametrize("width", WIDTHS if NIGHTLY else ["phone"])
def test_axe_finds_nothing_with_the_search_open(visit, width):
    page = visit("", width=WIDTHS[width])
    search(page, "storage")

    assert violations(page) == []


def test_pages_of_every_kind_fit_a_phone_and_axe_finds_nothing_there(visit, web, site_folder):
    page, found = visit(KINDS["not found"], width=390), {}
    for path in (KINDS["not found"], *tried(site_folder)):
        page.goto(web.address + path)
        words = violations(page)  # it opens every fold
        found[path] = ["it is too wide"] * is_wide(page) + words

    assert {path: words for path, words in found.items() if words} == {}


def test_every_page_fits_a_phone(laid_out):
    lay_out = laid_out(width=390)

    assert [path for path in PAGES if is_wide(lay_out(path, is_unfolded=True))] == []


def is_wide(page):
    """Whether a page is wider than the screen: on a phone, `innerWidth` is as wide as the page."""
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return wide or page.evaluate(CUT)


CUT = """
(() => {
  const width = document.documentElement.clientWidth;
  const [short, next] = document.querySelectorAll(".md-content h2");
  const follows = (a, b) => a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING;
  const tables = [...document.querySelectorAll(".md-content table:not([class])")].filter((table) => (
    short?.id === "in-short" && follows(short, table) && !(next && follows(next, table))
  ));
  return tables.some((table) => table.querySelector("td:last-child").getBoundingClientRect().right > width);
})()
"""
"""Whether what to mind, in the last column of "In short", lies beyond the edge."""


FIRST_SCREENS = """
(() => {
  const article = document.querySelector("article"), box = (element) => element?.getBoundingClientRect();
  const pictures = [...article.querySelectorAll("figure, img, .tp-drawing, .tp-figure")];
  return {
    "first code": box(article.querySelector("section.tp-cell"))?.top,
    "end of the first table": box(article.querySelector("table:not([class])"))?.bottom,
    "first picture": box(pictures.find((picture) => box(picture).height > 40))?.top,
    "height": document.documentElement.scrollHeight,
  };
})()
"""
LIMITS = {"first code": 700, "end of the first table": 1800, "first picture": 1500, "height": 14_000}
"""Pixels on a screen of 1440 × 900; with other fonts a twentieth more."""


def test_every_page_of_the_handbook_answers_on_its_first_screens(laid_out):
    lay_out, beyond = laid_out(), {}
    handbook = [path for path in PAGES if re.match("(tensors|autograd|training|data|models|devices|speed)/.", path)]
    for path in (*handbook, "begin/", "start/"):
        found = lay_out(path).evaluate(FIRST_SCREENS)
        beyond |= {
            (path, what): found.get(what) for what, limit in LIMITS.items() if not found.get(what, 1e9) < limit * 1.05
        }

    assert beyond == {}


def test_a_first_visit_of_the_heaviest_page_is_small(visit, web):
    heaviest = max(PAGES, key=lambda path: len(web.body(f"/torchproof/{path}")[1]))
    web.sent.clear()
    visit(heaviest).wait_for_load_state("networkidle")

    weights = sorted(web.sent, key=lambda sent: -sent[1])
    assert sum(size for _, size in weights) <= 160_000, weights
    words = [path for path, _ in weights if "assets/pictures/" not in path]  # figures come after them
    assert len(words) <= 12, words


def test_a_page_is_not_laid_out_for_each_of_its_cells(visit):
    """A script that reads sizes between its writes makes a layout each time: 97 of them once, where 12 are enough."""
    page = visit("walkthroughs/digits/")
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    page.reload()
    page.wait_for_load_state("networkidle")

    measured = {metric["name"]: metric["value"] for metric in devtools.send("Performance.getMetrics")["metrics"]}
    assert page.locator(".md-code__button").count() > 50
    assert measured["LayoutCount"] <= 40


def test_the_search_index_is_fetched_when_somebody_searches(visit, web):
    web.sent.clear()
    page = visit(CHAPTER)
    page.wait_for_load_state("networkidle")
    before = [path for path, _ in web.sent]

    search(page, "stride")

    assert not any("search_index" in path for path in before)
    assert any("search_index" in path for path, _ in web.sent)


# --- around the text --------------------------------------------------------------


def search(page, text):
    """Type into the search; returns the results."""
    button = page.locator("label.md-header__button[for=__search]")
    (button if button.is_visible() else page.locator(".md-search__input")).click()
    page.keyboard.type(text)
    results = page.locator(".md-search-result__link")
    results.first.wait_for()
    return results


@pytest.mark.parametrize("width", WIDTHS)
def test_a_search_leads_to_a_heading(visit, width):
    page = visit("", width=WIDTHS[width])

    results = search(page, "stride")
    assert re.search(r"\d+ matching documents", page.locator(".md-search-result__meta").inner_text())
    results.first.click()

    page.locator("mark[data-md-highlight]").first.wait_for()


def test_a_search_finds_prose_and_not_outputs(visit):
    page = visit("")

    text = page.request.get(page.url + "search/search_index.json").text()

    assert "storage" in text
    assert "X-ray: " not in text
    assert "It reads storage places" not in text


def test_the_scheme_can_be_changed_and_stays(visit):
    page = visit("")
    bar = page.locator("meta[name=theme-color]").get_attribute("content")
    page.locator("#scheme").click()
    assert page.locator("meta[name=theme-color]").get_attribute("content") != bar
    page.goto(page.url + CHAPTER)

    assert page.locator("body").get_attribute("data-md-color-scheme") == "slate"


def test_a_page_is_dark_where_the_system_is_before_the_themes_script_has_come(visit):
    page = visit("", scheme="dark")
    page.route("**/bundle.*.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.reload()

    assert page.locator("body").get_attribute("data-md-color-scheme") == "slate"


def test_instant_navigation_keeps_everything_working(visit):
    page = visit("tensors/shapes/")  # the list of a page holds its own part of the book
    page.evaluate("window.kept = true")

    page.locator(".md-nav--primary a[href*='memory']").first.click()
    page.wait_for_url(f"**/{CHAPTER}")
    page.locator(".tp-cell").first.wait_for()
    link = page.locator("a.xr").first
    link.hover()

    page.locator("#xr-card").wait_for()
    assert page.evaluate("window.kept"), "the page was loaded anew"
    assert page.locator("#xr-card b").inner_text() == link.inner_text()
    assert tab_stops(page) == {1}
    page.wait_for_function("document.querySelectorAll('nav.md-code__nav:not([role=presentation])').length == 0")


def test_a_link_is_followed_to_its_anchor_however_long_the_page_takes(visit):
    page = visit("lookup/errors/shapes/")
    page.evaluate("window.kept = true")
    link = page.locator(".tp-error__links a").last
    chapter = link.evaluate("(link) => link.href").partition("#")[0]

    def late(route):
        page.wait_for_timeout(400)  # Material notes where a page is scrolled 100 ms after it was
        route.continue_()

    page.route(chapter, late)
    link.evaluate("(link) => { scrollTo(0, 500); requestAnimationFrame(() => link.click()); }")
    page.wait_for_url("**/*#cell-*")

    page.locator(".tp-cell:target").wait_for(timeout=10_000)
    page.go_back()
    page.wait_for_function("document.title.includes('Errors') && scrollY == 500")
    assert page.evaluate("window.kept"), "the page was loaded anew"


def test_a_link_within_a_page_leaves_the_page_as_it_is(visit):
    page = visit(CHAPTER)
    page.evaluate("document.querySelectorAll('article details').forEach((fold) => (fold.open = true))")
    folds, asked = page.locator("article details").count(), []
    page.on("request", lambda request: asked.append(request.url))

    for link in ("nav.md-nav--secondary a[href*='#one-write']", "#cell-the-position-is-a-sum > .tp-anchor"):
        page.locator(link).last.click()
        page.wait_for_function("document.querySelector(':target')?.getBoundingClientRect().top < 200")
    page.go_back()
    page.wait_for_function("location.hash.startsWith('#one-write')")
    page.wait_for_load_state("networkidle")

    assert asked == []
    assert page.locator("article details[open]").count() == folds > 1


def test_pictures_are_found_after_instant_navigation(visit, web):
    page = visit("tensors/broadcasting/")
    web.sent.clear()

    page.locator(f".md-nav--primary a[href*='{WITH_PICTURES.partition('/')[2]}']").first.click()
    page.wait_for_url(f"**/{WITH_PICTURES}")
    pictures = page.locator(".tp-figure img:visible")
    pictures.first.wait_for()
    page.wait_for_load_state("networkidle")

    fetched = {path for path, _ in web.sent}
    files = pictures.evaluate_all("(all) => all.map((one) => new URL(one.src).pathname)")
    assert files
    assert [file for file in files if file not in fetched] == []
    assert pictures.evaluate_all("(all) => all.every((one) => one.naturalWidth > 0)")


def test_a_figure_is_drawn_for_the_ground_that_it_stands_on_and_for_paper(visit):
    shown = {}
    for scheme in ("light", "dark"):
        page = visit(WITH_PICTURES, scheme=scheme)
        for media in ("screen", "print"):
            page.emulate_media(media=media, color_scheme=scheme)
            images = page.locator(".tp-figure img:visible")
            shown[scheme, media] = images.evaluate_all("(all) => all.map((one) => one.getAttribute('src'))")

    light = shown["light", "screen"]
    assert len(light) == page.locator(".tp-figure").count() > 0
    assert shown["dark", "screen"] == [file.replace(".svg", "-dark.svg") for file in light]
    assert shown["light", "print"] == shown["dark", "print"] == light


def test_the_keyboard_opens_the_menu_of_a_phone_and_does_not_enter_the_closed_one(visit):
    page = visit("", width=390)
    link = page.locator(".md-nav--primary a[href*='verification']").first

    assert not link.is_visible()
    page.locator("label[for=__drawer].md-header__button").focus()
    page.keyboard.press("Space")

    link.wait_for()


def test_pages_lead_to_their_neighbours_and_to_their_source(visit):
    page = visit(CHAPTER)

    assert page.locator("a.md-footer__link--prev").count() == 1
    edit = page.locator("a[rel=edit]").get_attribute("href")
    assert edit.endswith("/edit/main/docs/tensors/memory.md")
    page.locator("a.md-footer__link--next").click()
    page.wait_for_function(f"!location.pathname.endsWith('{CHAPTER}')")


def test_a_cell_has_a_link_to_itself(visit):
    page = visit(CHAPTER)
    cell = page.locator(".tp-cell").nth(2)

    cell.hover()
    cell.locator(".tp-anchor").click()

    assert page.url.endswith("#" + cell.get_attribute("id"))
    assert cell.locator(".tp-anchor").bounding_box()["width"] > 0


def test_a_missing_page_leads_home(visit):
    page = visit("tensors/no/such/page/")

    assert page.locator("h1").inner_text() == "This page does not exist"
    page.locator("article a").first.click()

    page.locator("h1", has_text="Torchproof").wait_for()  # which raises where it does not come


# --- cells ----------------------------------------------------------------------


def test_the_copy_button_copies_exactly_the_code(visit):
    page = visit(CHAPTER, permissions=["clipboard-read", "clipboard-write"])
    cells = [cell for cell in SITE.snippets[CHAPTER.rstrip("/")].cells if cell.is_shown][:6]

    copied = {}
    for cell in cells:
        page.locator(f"#cell-{cell.slug} .md-code__button").click()
        page.wait_for_timeout(50)
        copied[cell.slug] = page.evaluate("navigator.clipboard.readText()").removesuffix("\n")

    assert copied == {cell.slug: cell.shown_source for cell in cells}


@pytest.mark.parametrize("width", WIDTHS)
def test_outputs_scroll_and_do_not_wrap(visit, width):
    page = visit(CHAPTER, width=WIDTHS[width])

    wrapped = page.evaluate(
        """() => [...document.querySelectorAll(".tp-output--value pre, .tp-output--stdout pre")]
            .filter((pre) => !/^pre$/.test(getComputedStyle(pre.firstChild).whiteSpace)).map((pre) => pre.textContent)"""
    )

    assert wrapped == []


def test_what_scrolls_is_reached_by_the_keyboard(visit):
    page = visit(CHAPTER, width=390)
    page.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = true))")

    # what is folded is measured when it is unfolded, and a busy machine does that later
    page.wait_for_function(
        """() => ![...document.querySelectorAll("article *")].some((box) =>
            box.scrollWidth > box.clientWidth && /auto|scroll/.test(getComputedStyle(box).overflowX)
            && box.clientWidth && box.tabIndex < 0)"""
    )


# --- X-ray --------------------------------------------------------------------------


def tab_stops(page):
    """How many names of a cell the Tab key stops at."""
    return set(
        page.evaluate(
            """() => [...document.querySelectorAll("code")].map((code) => [...code.querySelectorAll("a.xr")])
                .filter((names) => names.length).map((names) => names.filter((name) => name.tabIndex == 0).length)"""
        )
    )


def row_of(page, link):
    """The row of the table that a name links to."""
    return page.locator(f"[id='{link.get_attribute('href').partition('#')[2]}']")


def cell_with_names(page, least=3):
    """A cell of the page that has enough names, scrolled into view."""
    cells = page.locator(".tp-cell:has(a.xr)")
    for place in range(cells.count()):
        if cells.nth(place).locator("a.xr").count() >= least:
            cells.nth(place).scroll_into_view_if_needed()
            return cells.nth(place)
    raise AssertionError("no cell has so many names")


def test_pointing_at_a_name_shows_its_recorded_state(visit):
    page = visit(CHAPTER)
    link = cell_with_names(page).locator("a.xr").nth(1)

    link.hover()
    card = page.locator("#xr-card")
    card.wait_for()

    row = row_of(page, link)
    for value in row.evaluate("(row) => [...row.cells].slice(2).map((cell) => cell.textContent).filter(Boolean)"):
        assert value in card.inner_text()
    assert link.get_attribute("aria-describedby") == "xr-card"


WALKS = """() => {
    const facts = [...document.querySelectorAll(".xr-rows tbody tr")].map((row) => ({
        id: row.id, walk: row.dataset.walk, shared: row.dataset.mates || "" }));
    document.querySelectorAll(".xr-rows th, .xr-rows td").forEach((cell) => (cell.textContent = "-"));
    return facts.flatMap((fact) => {
        const link = [...document.querySelectorAll("a.xr")].find((link) => link.hash == `#${fact.id}`);
        if (!link) return [];
        link.click();
        const drawn = [...document.querySelectorAll("#xr-card .xr-walk")];
        const lit = [...link.closest("code").querySelectorAll("a.xr-mate")].map((name) => name.textContent);
        const names = [...link.closest("code").querySelectorAll("a.xr")].map((name) => name.textContent);
        return [{ ...fact, name: link.textContent, names, lit,
            turns: drawn.map((walk) => [...walk.children].map((place) => place.textContent)) }];
    });
}"""
"""The card's drawing and the names that light up, for every row, when its table says nothing at all."""


def test_the_card_draws_every_walk_from_the_rows_data_and_not_from_its_words(visit):
    rows = visit(CHAPTER).evaluate(WALKS)

    assert len([row for row in rows if row.get("walk")]) > 20
    for row in rows:
        assert row["turns"] == ([turns(*json.loads(row["walk"]))] if row.get("walk") else []), row
        mates = {row["name"], *row["shared"].split(",")} & set(row["names"])
        assert set(row["lit"]) == mates, row


def turns(shape, strides, offset=0, held=None):
    """What stands in each place of a drawn storage: when it is read, or how often."""
    reads = [offset + sum(map(operator.mul, place, strides)) for place in itertools.product(*map(range, shape))]
    times = Counter(reads)
    found = {place: f"×{times[place]}" if times[place] > 1 else str(turn) for turn, place in enumerate(reads, 1)}
    return [found.get(place, "") for place in range(len(reads) if held is None else held)]


def test_the_card_can_be_entered_and_goes_with_the_pointer(visit):
    page = visit(CHAPTER)
    cell_with_names(page).locator("a.xr").first.hover()
    card = page.locator("#xr-card")
    card.wait_for()

    card.hover()
    page.wait_for_timeout(400)
    stayed = card.is_visible()
    page.mouse.move(2, 2)

    card.wait_for(state="hidden")
    assert stayed


def test_the_keyboard_walks_the_names_of_a_cell(visit):
    page = visit(CHAPTER)
    names = cell_with_names(page).locator("a.xr")
    card = page.locator("#xr-card")

    # the stop before the first name is whatever comes before it in the page
    names.first.evaluate("(name) => name.closest('.tp-cell').previousElementSibling.setAttribute('tabindex', -1)")
    names.first.evaluate("(name) => name.closest('.tp-cell').previousElementSibling.focus()")
    for _ in range(4):
        page.keyboard.press("Tab")
        if names.first.evaluate("(name) => name == document.activeElement"):
            break
    card.wait_for()
    first = card.locator("b").inner_text()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    third = page.evaluate("document.activeElement.textContent")
    shown = card.locator("b").inner_text()
    page.keyboard.press("Home")
    home = names.first.evaluate("(name) => name == document.activeElement")
    page.keyboard.press("Escape")

    assert first == names.first.inner_text()
    assert third == shown == names.nth(2).inner_text()
    assert home
    assert card.is_hidden()
    assert tab_stops(page) == {1}


def test_the_arrow_keys_reach_the_names_of_torch_and_lead_to_their_entries(visit):
    page = visit(CHAPTER)
    cell = page.locator(".tp-cell:has(a.xr):has(code a:not(.xr))").first
    cell.locator("a.xr").first.focus()
    name = None
    for _ in range(20):
        page.keyboard.press("ArrowDown")
        if page.evaluate("!document.activeElement.classList.contains('xr')"):
            name = page.evaluate("document.activeElement.textContent")
            break

    page.keyboard.press("Enter")
    page.wait_for_url("**/lookup/names/*/#*")

    # the address changes before the page that it names has come
    entry = page.wait_for_function("document.getElementById(decodeURIComponent(location.hash.slice(1)))?.textContent")
    assert name
    assert entry.json_value().rpartition(".")[2] == name


def test_a_click_pins_the_card_and_a_click_elsewhere_closes_it(visit):
    page = visit(CHAPTER)
    cell_with_names(page).locator("a.xr").first.click()
    card = page.locator("#xr-card")
    page.mouse.move(2, 2)
    page.wait_for_timeout(400)
    pinned = card.is_visible()

    page.mouse.click(2, 400)

    card.wait_for(state="hidden")
    assert pinned


def test_on_a_phone_no_code_lies_under_an_icon(visit):
    page = visit(CHAPTER, width=390)

    covered = page.locator(".tp-cell:has(.highlight)").evaluate_all("""(cells) => cells.filter((cell) => {
        const text = document.createRange();
        text.selectNodeContents(cell.querySelector(".highlight code"));
        const icons = [...cell.querySelectorAll(".tp-anchor, .md-code__nav")];
        return icons.length < 2 || icons.some((icon) =>
            [...text.getClientRects()].some((line) => line.top < icon.getBoundingClientRect().bottom));
    }).map((cell) => cell.id)""")

    assert covered == []


def test_a_tap_opens_the_card_beside_the_name_and_a_tap_elsewhere_closes_it(visit):
    page = visit(CHAPTER, width=390)
    name = cell_with_names(page).locator("a.xr").nth(1)

    name.tap()
    card = page.locator("#xr-card")
    card.wait_for()
    page.wait_for_timeout(500)
    covered = boxes_overlap(card.bounding_box(), name.bounding_box())
    page.locator("h1").dispatch_event("click")

    card.wait_for(state="hidden")
    assert not covered


CARDS = """async () => {
    const wrong = [], names = [...document.querySelectorAll("a.xr")];
    const box = (element) => element.getBoundingClientRect();
    const off = (card) => card.left < 0 || card.right > innerWidth || card.top < 0 || card.bottom > innerHeight;
    document.querySelectorAll("details").forEach((fold) => (fold.open = true));
    for (const block of ["start", "center", "end"])
        for (const name of names) {
            name.scrollIntoView({ block, behavior: "instant" });
            name.click();
            const shown = document.getElementById("xr-card");
            if (off(box(shown))) await new Promise((done) => setTimeout(done, 50));
            const card = box(shown), code = box(name.closest("pre"));
            const over = card.left < code.right && code.left < card.right && card.top < code.bottom && code.top < card.bottom;
            if (over || off(card) || shown.hidden) wrong.push([block, name.textContent, over, off(card), shown.hidden]);
            name.click();
        }
    return [names.length, wrong];
}"""
"""Shows the card of every name, with the name at three places of the screen."""

SCREENS = [(1440, 900), (1100, 700), (900, 700), (700, 900), (390, 800)]


@pytest.mark.parametrize(("width", "height"), SCREENS if NIGHTLY else SCREENS[::4])
def test_the_card_is_on_the_screen_and_never_covers_its_code(visit, width, height):
    page = visit(CHAPTER, width=width, height=height)

    names, wrong = page.evaluate(CARDS)

    assert names > 100
    assert wrong == []


WRITTEN = "#cell-one-write-every-view"
"""A cell that writes into a tensor twice."""


def shown(page, step=None):
    """What the card says: the line, and the numbers; after a step, if one is to be made."""
    if step:
        step()
    page.locator("#xr-card .xr-v:not([hidden])").wait_for()
    return page.locator("#xr-card .xr-head span").inner_text(), page.locator("#xr-card .xr-v").inner_text()


def test_before_and_after_a_write_in_place_the_card_shows_other_numbers(visit):
    page = visit(CHAPTER)
    names = page.locator(f"{WRITTEN} a.xr", has_text="third")
    names.first.scroll_into_view_if_needed()

    found = []
    for name in names.all():
        name.hover()
        page.wait_for_function("(name) => name.hasAttribute('aria-describedby')", arg=name.element_handle())
        found.append(shown(page))

    assert found == [("after line 2", "[0, 0, 0]"), ("after line 3", "[7, 7, 7]"), ("after line 4", "[7, 7, 1]")]


def test_left_and_right_go_through_the_lines_that_changed_a_name(visit):
    page = visit(CHAPTER)
    page.locator(f"{WRITTEN} a.xr", has_text="third").last.click()
    code = page.locator(f"{WRITTEN} code")
    left, right = (lambda: page.keyboard.press("ArrowLeft")), (lambda: page.keyboard.press("ArrowRight"))

    found = [shown(page), shown(page, left), shown(page, left), shown(page, left), shown(page, right)]
    marked = code.evaluate("(code) => [code.classList.contains('xr-at'), code.style.getPropertyValue('--xr-line')]")
    page.keyboard.press("Escape")

    assert [line for line, _ in found] == [f"after line {line}" for line in (4, 3, 2, 2, 3)]
    assert [numbers for _, numbers in found][:3] == ["[7, 7, 1]", "[7, 7, 7]", "[0, 0, 0]"]
    assert marked == [True, "2"]
    assert "xr-at" not in (code.get_attribute("class") or "")


def test_on_a_phone_taps_go_through_the_lines(visit):
    page = visit(CHAPTER, width=390)
    page.locator(f"{WRITTEN} a.xr", has_text="third").last.tap()
    button = page.locator("#xr-card button")

    found = [shown(page), shown(page, button.first.tap), shown(page, button.last.tap)]

    assert [line for line, _ in found] == ["after line 4", "after line 3", "after line 4"]
    assert page.locator("#xr-card").is_visible()


def test_the_marked_line_lies_on_the_line_of_code(visit):
    for width in (1440, 390):
        page = visit(CHAPTER, width=width)
        link = page.locator(f"{WRITTEN} a.xr", has_text="third").nth(1)  # on line 3, whose state it shows
        link.click()
        top, height, name = link.evaluate("""(link) => {
            const code = link.closest("code"), style = getComputedStyle(code);
            const top = code.getBoundingClientRect().top + parseFloat(style.backgroundPositionY);
            const name = link.getBoundingClientRect();
            return [top, parseFloat(style.lineHeight), (name.top + name.bottom) / 2];
        }""")
        assert abs(top + height / 2 - name) < 3, width


def test_a_state_of_another_cell_names_and_links_the_cell(visit):
    page = visit(CHAPTER)
    foreign = page.locator("a.xr").evaluate_all("""(links) => links.findIndex((link) => link.checkVisibility()
        && document.getElementById(link.hash.slice(1)).closest(".tp-cell") != link.closest(".tp-cell"))""")
    link = page.locator("a.xr").nth(foreign)
    owner = row_of(page, link).evaluate("(row) => row.closest('.tp-cell').id")

    link.click()

    cell = page.locator("#xr-card .xr-head a")
    assert cell.get_attribute("href") == f"#{owner}"
    assert cell.inner_text() == owner.removeprefix("cell-").replace("-", " ")


def test_the_hint_goes_with_the_first_card_and_does_not_come_back(visit):
    page = visit(CHAPTER)
    at_first = page.locator(".xr-hint").all_inner_texts()
    cell_with_names(page).locator("a.xr").first.click()
    after_a_card = page.locator(".xr-hint").count()
    page.reload()

    assert at_first == [" · point at a dotted name above, or tap it"]
    assert after_a_card == page.locator(".xr-hint").count() == 0


def test_a_page_does_not_move_under_a_pointer(visit):
    page = visit(CHAPTER, width=900, height=400)
    names = page.locator("a.xr:visible")
    for place in range(0, names.count(), 20):
        names.nth(place).scroll_into_view_if_needed()
        before = page.evaluate("scrollY")
        names.nth(place).hover()
        page.wait_for_timeout(120)
        assert page.evaluate("scrollY") == before
        page.mouse.move(2, 2)
        page.wait_for_timeout(220)


def test_names_of_one_storage_light_up_together(visit):
    page = visit("")
    page.locator("a.xr").first.hover()
    page.locator("#xr-card").wait_for()

    assert page.locator("a.xr.xr-mate").count() >= 1


@pytest.mark.parametrize("path", ["start/", "walkthroughs/digits/"])
def test_without_a_script_a_page_fits_a_phone(visit, path):
    page = visit(path, width=390, java_script_enabled=False)

    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_without_a_script_a_name_opens_its_row(visit):
    page = visit(CHAPTER, java_script_enabled=False)
    link = page.locator("a.xr").first
    row = row_of(page, link)
    before = row.is_visible()

    link.click()

    row.wait_for()
    assert not before


def test_a_print_shows_the_states_and_leaves_out_the_navigation(visit):
    page = visit(CHAPTER)
    page.emulate_media(media="print")

    assert page.locator(".xr-s tbody tr").first.is_visible()
    for selector in ("#xr-card", ".md-sidebar", ".md-header", ".md-footer__inner", ".tp-anchor", ".md-code__nav"):
        shown = page.locator(selector).evaluate_all("(all) => all.filter((one) => one.checkVisibility()).length")
        assert shown == 0, f"{selector} is printed"


def test_a_print_from_the_dark_is_a_print_from_the_light(visit):
    colours = []
    for scheme in ("light", "dark"):
        page = visit(CHAPTER, scheme=scheme)
        page.emulate_media(media="print", color_scheme=scheme)
        page.evaluate("Promise.allSettled(document.getAnimations().map((change) => change.finished))")
        parts = page.locator("article :is(p, code, code span, samp, rect, text, .tp-output)")
        styles = "(all) => all.map((one) => (({color, fill, backgroundColor: ground}) => [color, fill, ground].join())"
        colours.append(parts.evaluate_all(f"{styles}(getComputedStyle(one)))"))

    assert colours[0] == colours[1]
    assert len(set(colours[0])) > 5


def test_a_printed_chapter_holds_code_outputs_states_and_pictures(visit):
    pypdf = pytest.importorskip("pypdf")
    page = visit(WITH_PICTURES, scheme="dark")  # paper shows other files than the screen does
    texts = page.locator(".tp-cell :is(code, samp)").all_text_contents()
    rows = page.locator(".xr-rows tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent).join(' '))"
    )

    document = pypdf.PdfReader(io.BytesIO(page.pdf(format="A4")))

    printed = words("".join(sheet.extract_text() for sheet in document.pages))
    lines = [line for text in texts for line in text.split("\n")]  # a tall cell goes on on the next sheet
    assert [line for line in lines + rows if words(line) not in printed] == []
    figures = page.locator(".tp-figure").count()
    assert sum(len(sheet.images) for sheet in document.pages) >= figures > 0  # each of them holds a photo
    assert "Table of contents" not in printed


def test_the_cheat_sheet_prints_on_two_sheets_from_light_and_from_dark(visit):
    pypdf = pytest.importorskip("pypdf")
    printed = []
    for scheme in ("light", "dark"):
        page = visit("lookup/cheatsheet/", scheme=scheme)
        document = pypdf.PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
        printed.append([words(sheet.extract_text()) for sheet in document.pages])
        lines = page.locator(".tp-rows :is(code, samp)").all_text_contents()

        assert [sheet.mediabox.width > sheet.mediabox.height for sheet in document.pages] == [True, True]
        assert [line for line in lines if words(line) not in "".join(printed[-1])] == []

    assert printed[0] == printed[1]


def words(text):
    """The text without the white space, in which a printer has its own ways."""
    return "".join(text.split())


# --- from a folder ----------------------------------------------------------------------


def test_the_offline_site_works_from_a_folder(visit, chapter):
    project, name = chapter
    built = project.run("mkdocs", "build", "-q", OFFLINE="true")
    assert built.returncode == 0, built.stdout
    page = visit((project.root / "site/index.html").as_uri())

    word = name.rpartition("/")[2]
    search(page, word).first.click()
    page.wait_for_url(f"**/*h={word}*")
    page.locator("a.xr").first.hover()

    page.locator("#xr-card .xr-v:not([hidden])").wait_for()  # the numbers are in a script, which a folder may load
    assert page.url.startswith("file:")
