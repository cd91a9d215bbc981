"""A page shows every word as it is, runs nothing, fetches nothing, and can be read without its pictures; Markdown shows the same."""

import html.parser
import re

import numpy as np
import pytest

from memlab.render import document as doc
from memlab.render.inline import inline
from memlab.render.markdown import markdown
from memlab.render.page import page
from memlab.render.series import Floor, Series
from memlab.render.tables import Column

HOSTILE = "</style></title><script>alert(1)</script><img src=http://127.0.0.1:9/x onerror=alert(1)> &lt; \"'` \x1b[2J \u202egnp.exe\u202c é"
ARABIC = "ab \u0645\u0631\u062d\u0628\u0627 \u0639 cd"
VOID = {"meta", "link", "img", "br", "input", "hr"}
X = np.arange(5.0)


def curve(**options) -> doc.Figure:
    values = {"series": [Series(HOSTILE, X, X)], "floors": [Floor("entropy floor", 2.0)], **options}
    return doc.Figure(
        "curves", values, f"Losses {HOSTILE}", f"What is seen, its control. {HOSTILE}", f"memlab watch '{HOSTILE}'", (400, 300)
    )


def everything(text: str = HOSTILE) -> doc.Document:
    blocks = [
        text,
        doc.Facts([("name " + text, text)]),
        doc.Facts([("name", text)], "Card " + text, "memlab inspect"),
        doc.Facts([("name", text)], "Folded " + text, is_folded=True),
        doc.Listing([Column("a", "A " + text), Column("n", "N")], [{"a": text, "n": 1234}, {"a": "b", "n": 0.5}], text, "memlab runs"),
        doc.Passage([doc.Token("given "), doc.Token(text, "memorised", f"p 0.9 {text}"), doc.Token("", "wrong")], text),
        doc.Code(f"[data]\nname = {text}"),
    ]
    return doc.Document(
        text, "lead " + text, [doc.Section("One " + text, blocks), doc.Section("Two", [], [doc.Section("Part", ["x"])])], text
    )


class Reader(html.parser.HTMLParser):
    """Elements with their attributes, the text that is shown, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements, self.open, self.text = [], [], ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += "" if self.open and self.open[-1] == "style" else data


def test_hostile_words_are_shown_and_make_no_element():
    harmless, hostile = (Reader(page(everything(text))) for text in ("harmless", HOSTILE))
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in harmless.elements]
    named = [[sorted(attributes.keys() - {"class"}) for _, attributes in reader.elements] for reader in (hostile, harmless)]
    assert named[0] == named[1]
    assert hostile.text.count("<script>alert(1)</script>") == harmless.text.count("harmless")
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e]", page(everything()))


def test_nothing_is_asked_for_from_elsewhere():
    found = Reader(page(doc.Document("t", "l", [doc.Section("s", [curve(), curve()])])))
    policy = next(attributes["content"] for _, attributes in found.elements if attributes.get("http-equiv"))
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    for tag, attributes in found.elements:
        assert tag not in ("script", "link", "iframe", "object", "base", "form")
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "xlink:href", "action"):
            assert attributes.get(name, "#").startswith(("#", "data:image/png;base64,"))
    styles = re.findall(r"<style>(.*?)</style>", page(everything()), re.DOTALL)
    assert len(styles) == 1
    assert not re.search(r"url\(|@import|expression", styles[0])


def test_every_id_is_there_once_and_every_reference_is_met():
    text = page(doc.Document("t", "l", [doc.Section("s", [curve(), curve(), *everything("x").sections[0].blocks])]))
    ids = [attributes["id"] for _, attributes in Reader(text).elements if "id" in attributes]
    assert len(ids) == len(set(ids)) > 20
    wanted = re.findall(r'href="#([^"]+)"', text) + re.findall(r"url\(#([^)]+)\)", text)
    wanted += [one for words in re.findall(r'aria-labelledby="([^"]+)"', text) for one in words.split()]
    assert wanted
    assert set(wanted) <= set(ids)


def test_a_picture_has_words_and_the_colours_of_the_page():
    found = inline(doc.picture(curve(), "inline"), "f1", HOSTILE, "what is seen")
    reader = Reader(found)
    assert reader.elements[0][1]["role"] == "img"
    assert [tag for tag, _ in reader.elements[1:3]] == ["title", "desc"]
    assert "what is seen" in reader.text
    assert "currentColor" in found
    assert "var(--quiet)" in found, "the floor and the axes"
    assert not re.search(r"#ffffff|#fdfdfc|#1c1e21|#666666|<style|<metadata|width=\"\d+pt", found)


def test_a_row_and_a_column_of_a_table_have_headers_and_numbers_stand_at_the_right():
    found = page(everything("x"))
    assert '<th scope="col" class="number">N</th>' in found
    assert '<tr><th scope="row" data-title="A x">x</th><td class="number" data-title="N">1,234</td></tr>' in found


def test_long_words_may_be_broken_also_in_a_column_of_numbers_and_many_columns_become_a_list_on_a_narrow_page():
    values = [{"a": "setting", "b": 1}, {"a": "another", "b": "['a list', 'of several', 'words']"}]
    found = page(doc.Document("t", "l", [doc.Section("s", [doc.Listing([Column("a"), Column("b", right=True)], values, "few")])]))
    assert '<td class="number" data-title="b">1</td>' in found
    assert '<td class="number long" data-title="b">[&#x27;a list' in found
    assert "<table>" in found
    many = page(doc.Document("t", "l", [doc.Section("s", [doc.Listing(["a", "b", "c", "d"], [{"a": 1}], "many")])]))
    assert '<table class="many">' in many


def test_tokens_carry_their_class_and_one_without_text_is_seen():
    found = page(everything("x"))
    assert '<span class="memorised" title="p 0.9 x">x</span><span class="wrong">∅</span>' in found
    assert 'aria-label="Classes of tokens"' in found
    assert "Classes of tokens" not in page(doc.Document("t", "l", [doc.Section("s", ["no passage"])]))


def test_what_runs_from_right_to_left_is_isolated_and_nothing_else():
    found = page(doc.Document("t", ARABIC, []))
    assert "ab <bdi>\u0645\u0631\u062d\u0628\u0627 \u0639</bdi> cd" in found


def test_figures_and_tables_are_counted_and_linked_from_the_contents():
    found = page(doc.Document("t", "l", [doc.Section("A", [curve(), everything("x").sections[0].blocks[4], curve()])]))
    assert re.findall(r"<b>(\w+ \d)\.</b>", found) == ["Figure 1", "Table 1", "Figure 2"]
    assert '<a href="#s1">A</a>' in found
    assert '<section id="s1"' in found


def test_without_matplotlib_there_are_words_for_pictures(monkeypatch):
    monkeypatch.setattr(doc, "is_available", lambda: False)
    document = doc.Document("t", "l", [doc.Section("s", [curve()])])
    assert "pip install" in page(document)
    text, files = markdown(document, "pictures")
    assert "pip install" in text
    assert not files


def test_markdown_shows_the_same_words_and_names_its_pictures():
    text, files = markdown(doc.Document("t", "lead", [*everything("w").sections, doc.Section("s", [curve()])]), "there")
    assert list(files) == ["figure-2.svg"]
    assert files["figure-2.svg"].startswith(b"<?xml")
    assert "](there/figure-2.svg)" in text
    assert "| w | 1,234 |" in text
    assert "w<sup>●</sup>∅<sup>×</sup>" in text
    assert "**Figure 2.** What is seen" in text


def test_markdown_escapes_no_more_than_what_could_be_read_as_marks():
    told = ["8.33 nats, -634 bits", "= copied", "1. a", "- a", "+", "#7", "# a"]
    text, _ = markdown(doc.Document("t", "l", [doc.Section("s", told)]), "there")
    assert text.split("\n\n")[4:] == ["8.33 nats, -634 bits", r"\= copied", r"1\. a", r"\- a", r"\+", "#7", "\\# a\n"]


@pytest.mark.parametrize("text", [HOSTILE, "# a *b* _c_ [d](http://e) | ![f](g) ```", "1. a", "- a", "www.a.b me@a.b ~~c~~ :boom:"])
def test_markdown_of_hostile_words_is_those_words(text):
    found, _ = markdown(everything(text), "there")
    assert not re.search(r"<(?!sup>|/sup>|!-- memlab report -->)", re.sub(r"(?m)^(`{3,})\n.*?\n\1$", "", found, flags=re.DOTALL))
    lead = found.split("\n\n")[2].removeprefix("lead ")
    if "[d]" in text:
        assert lead == r"# a \*b\* \_c\_ \[d\](http\://e) \| !\[f\](g) \`\`\`"
    assert not re.search(r"(?<!\\)[*_\[\]`~|@]|(?<!\\)://|www\.", lead)


def test_code_in_markdown_ends_only_where_it_ends():
    found, _ = markdown(doc.Document("t", "l", [doc.Section("s", [doc.Code("a\n````\nb")])]), "there")
    assert "`````\na\n````\nb\n`````" in found
