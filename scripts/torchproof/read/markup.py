"""What a page may not write: markup that hides a cell, and what passes for something that ran.

Markdown leaves HTML as it is, and attributes in braces put any class or style on anything: a page could show an output
that nothing printed, or lay over a cell what hides it. So a page that shows cells is written in Markdown alone, and
what is not allowed here is refused: this scanner need not know what a browser would make of it.
What gets past it is found in the finished HTML (`builders/finished.py`).
"""

import ast
import re
from collections.abc import Iterator
from textwrap import shorten

__all__ = ["BOXES", "EXEC", "FRONT", "OURS", "wrong_code", "wrong_comment", "wrong_fence", "wrong_head", "wrong_prose"]

OURS = re.compile(r"""(?:^|["'\s.=])(?:tp-(?!sheet|formula|drift|typed)[\w-]+|xr(?:-\w+)?|proof|value)(?=["'\s>}]|$)""")
"""A class that only the build writes."""

EXEC = re.compile(r"""(?:py|python) exec=["']?(?:true|1|yes|on)["']?(?: idprefix="")?$""")
"""The opening of a fence whose output becomes part of the page."""

BOXES = ("note", "abstract", "info", "tip", "success", "question", "warning", "failure", "danger", "bug", "example")
"""Kinds of boxes; any other word would be a class that some style may hide."""


def wrong_prose(text: str, bare: str) -> Iterator[str]:
    """What is wrong with the markup of a line of prose; `bare` is the line without its code."""
    if html := HTML.search(PLAIN.sub(" ", bare.strip())):
        way_out = UNENDED if html[0].startswith("<!--") else RAW
        yield f"`{html[0]}` {way_out}"
    for braces in BRACES.finditer(MATHS.sub(" ", bare)):
        if not all(map(HARMLESS.fullmatch, braces[0].strip("{}: ").split())):
            yield f"`{braces[0]}` {STYLED}"
    if BOX.match(text) and not OPENS.match(text):
        yield f'`{text.strip()}` opens no box; write `!!! warning "Title"`, or for warning one of {", ".join(BOXES)}'
    if TAB.match(text):
        yield f"`{text.strip()}` is a tab, and a tab hides what it holds; write headings"
    if script := SCRIPT.search(bare):
        yield f"`{script[0]}` leads to what no file holds; let it lead to a page, or to a picture in a file"


def wrong_code(text: str) -> str:
    """What is wrong with typed code, in a fence, indented or in a sentence; or nothing."""
    found = OUTPUT.search(text)
    return f"`{found[0].strip()}` {UNRUN}" if found else ""


def wrong_fence(info: str, body: str, ours: tuple[str, ...]) -> str:
    """What is wrong with a fence that is none of `ours`; or nothing."""
    word = re.match(r"[\s{.]*([\w-]*)", info)[1].lower()
    if word in ours:
        return f"a fence that opens with `{info}` is no {word}; let `{word}` stand alone behind the marks"
    if EXEC.match(info):
        return _wrong_call(body)
    if not TYPED.match(info):
        return f"a fence that opens with `{info}` {OPTIONS}"
    return wrong_code(body)


def _wrong_call(code: str) -> str:
    """What is wrong with the code of a fence that is executed; where it does not compile, the build says so."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return ""
    for node in ast.walk(tree):
        if not _only_reports(node):
            return f"`{shorten(ast.unparse(node), 60)}` {DOES_MORE}"
        printed = node.args if isinstance(node, ast.Call) and ast.unparse(node.func) == "print" else ()
        for each in printed:
            if not isinstance(each, ast.Call | ast.Constant):
                return f"`{ast.unparse(each)}` {PRINTS}"
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    marked = (HTML.search(TICKED.sub(" ", text)) or MARK.search(text) for text in texts)
    return next((f"`{found[0].strip()}` {TYPED_MARKUP}" for found in marked if found), "")


def _only_reports(node: ast.AST) -> bool:
    """Whether a part of a fence's code leaves the build as it is: it would run in its process."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return ast.unparse(node) == "from torchproof import reports"
    if isinstance(node, ast.Call):
        return bool(CALLED.fullmatch(ast.unparse(node.func)))
    return not isinstance(node, CHANGING) or isinstance(getattr(node, "ctx", None), ast.Load)


def wrong_comment(comment: str) -> str:
    """What is wrong with a comment; or nothing."""
    if not COMMENT.fullmatch(comment):
        return "browsers end this comment elsewhere; write `<!-- words -->`, and no `--` or `<!` among the words"
    return "nobody would see the fence in this comment; delete one of them" if MARK.search(comment) else ""


def wrong_head(text: str) -> Iterator[tuple[int, str]]:
    """What is wrong with the lines that a builder takes for metadata, and where."""
    front = FRONT.match(text)
    if front is None and METADATA.match(text):
        yield 1, "a builder takes this line for metadata, and shows it to nobody; begin with `# Title`"
    for number, line in enumerate(front["yaml"].split("\n") if front else (), 2):
        if "<" in line or MARK.search(line) or re.match(r"template\s*:", line):
            yield number, f"`{line.strip()}` {FRONT_ONLY}"


RAW = "is HTML, which could hide a cell or pass for an output; write Markdown, put code between backticks, or `&lt;`"
UNENDED = "begins a comment that does not end here, and hides what follows; end it by `-->`"
STYLED = (
    "gives an element attributes, by which it could hide or pass for an output; of these only `#name` may stand here"
)
UNRUN = "looks like what a session shows, and nothing ran; show a cell, or say it by a value"
OPTIONS = "has more than a language; a title or a class could make it pass for an output, so leave them out"
DOES_MORE = "does more than report; such a fence imports `reports` from torchproof, prints, and calls nothing else"
PRINTS = "is not what this build reports; such a fence prints words, and what `reports.…(…)` returns"
TYPED_MARKUP = "is markup in a text of this fence; write words and links"
FRONT_ONLY = "does not belong between these lines of dashes: no HTML, no fence, no template"

HTML = re.compile(r"<[a-zA-Z/!?](?:[^<>]*>|!?--|\w*)")
PLAIN = re.compile(
    r"<(?:https?://|mailto:)[^<>\s]*>|<[\w.+-]+@[\w.-]+>|<class '[\w.]+'>|<br ?/?>|<a id=\"[\w.-]+\"></a>"
    r"|<(kbd|sub|sup)>[^<>`(\[]{1,20}</\1>"
    r'|^<div class="(?:tp-sheet|grid|grid cards)" markdown>$|^</div>$'
)
"""HTML that hides nothing and shows no output, and what only looks like HTML."""
BRACES = re.compile(r"(?:(?<=[^\s{])|^)\{[^{}]*\}|\{[^{}]*\}(?=\s*(?:\||$))")
"""Where Markdown reads attributes: right behind something, or at the end of a line or of a table's cell."""
HARMLESS = re.compile(r"#(?!cell-|error-)[\w.:-]+|\.md-button(?:--primary)?")
CALLED = re.compile(r"print|reports(\.[a-z]\w*)+")
CHANGING = (ast.Attribute, ast.Subscript, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
TICKED = re.compile("`[^`]*`")
MATHS = re.compile(r"(?<![\\$\w])\$(?:\\.|[^$\\])+\$")
BOX, TAB = re.compile(r" *(?:!!!|\?\?\?)"), re.compile(r' *===[!+]*\s*"')
OPENS = re.compile(rf'(?: {{4}})*(?:!!!|\?\?\?\+?) (?:{"|".join(BOXES)}|quote)(?: inline)?(?: end)?(?: +".*")? *$')
TYPED = re.compile(r'[\w+#.-]*(?: hl_lines="[\d -]*")?$')
OUTPUT = re.compile(
    r"(?m)^[\s>]*(?:[|=] )?(?:tensor\((?:[-\d\[(]|nan|inf)|array\([-\d\[]|(?:torch\.)?Size\(|Traceback \(most recent"
    r"|>>>|In ?\[\d*\]:|Out ?\[\d*\]:)"
)
SCRIPT = re.compile(r"\](?:\(|:)\s*<?\s*(?:javascript|vbscript|data):", re.I)
COMMENT = re.compile(r"<!--(?!-?>)(?:(?!--!>|<!|-->).)*-->", re.S)
MARK = re.compile(r"^[\s>]*(?:```|~~~)", re.M)
FRONT = re.compile(r"---[ \t]*\n(?P<yaml>.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S | re.M)
METADATA = re.compile(r" {0,3}[\w-]+:(?:\s|$)")
