"""A table of words, which a page and a notebook show as one."""

from html import escape


class Grid:
    """Rows of cells below a row of headings; the first cell of a row says what it is about."""

    def __init__(self, headings, rows):
        self.headings, self.rows = headings, rows

    def __repr__(self):
        return "\n".join(" · ".join(row) for row in [self.headings, *self.rows])

    def _repr_html_(self):
        head = "".join(f"<th>{escape(cell)}</th>" for cell in self.headings)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in self.rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def alike(answers):
    """Tools that answer alike, below one heading: the answers of each such group, by the names of its tools."""
    groups = {}
    for tool, answer in answers.items():
        groups.setdefault(tuple(answer.items()), []).append(tool)
    return {", ".join(tools): dict(answer) for answer, tools in groups.items()}
