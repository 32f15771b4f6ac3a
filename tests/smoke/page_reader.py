"""Read a page as a browser would meet it: what it loads, where its links lead, whether its elements are closed."""

from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "input", "hr", "wbr", "col", "source", "area", "base", "embed", "track"}
LOADING = {"src", "href", "xlink:href", "srcset", "data", "poster", "action", "background"}


class PageReader(HTMLParser):
    """Collects ids, links, loads and text; fails on an element that is closed out of turn."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open, self.ids, self.links, self.loads, self.tags = [], [], [], [], []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        self.handle_startendtag(tag, attributes)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            elif name in LOADING:
                (self.links if tag == "a" else self.loads).append(value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"{self.getpos()}: </{tag}>"

    def handle_data(self, data):
        self.text += data if not self.open or self.open[-1] not in ("style", "script") else ""
