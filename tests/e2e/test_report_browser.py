"""A report in a real browser: nothing is fetched, and nothing that a text says runs. Left out where no Chromium is found."""

import contextlib
import html.parser
import http.server
import json
import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from tiny_run import run_on

from memlab import config
from memlab.lab.report import report
from memlab.render import document as doc
from memlab.render.markdown import markdown
from memlab.render.page import page
from memlab.render.series import Series
from memlab.render.tables import Column

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --enable-logging=stderr --virtual-time-budget=2000"
)

pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")]


@contextlib.contextmanager
def listening():
    """A server on this machine, and the paths that somebody asked it for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def opened(path: Path, *options: str) -> subprocess.CompletedProcess:
    """What the browser makes of a page once everything in it has loaded or run: its elements, and what it complains of."""
    command = [
        BROWSER,
        *OPTIONS.split(),
        f"--user-data-dir={path.parent / 'profile'}",
        "--virtual-time-budget=2000",
        *options,
        path.as_uri(),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def dangerous(dom: str) -> list[str]:
    """The elements of a page that run something, ask for something or lead elsewhere."""
    found = []

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            forbidden = tag in ("script", "iframe", "link", "object", "embed", "form", "base")
            sources = [value or "" for name, value in attributes if name.endswith(("src", "href"))]
            is_elsewhere = not all(value.startswith(("#", "data:image/png;base64,")) for value in sources)
            if forbidden or is_elsewhere or any(name.startswith("on") for name, _ in attributes):
                found.append(self.get_starttag_text())

    Reader().feed(dom)
    return found


def attacks(address: str) -> list[str]:
    return [
        f"<script>document.title='owned';fetch('{address}/script')</script>",
        f"</style></title></svg><img src={address}/img onerror=\"document.title='owned'\">",
        f"<link rel=stylesheet href={address}/link><iframe src={address}/frame></iframe>",
        f"<svg onload=\"document.title='owned'\"><image href='{address}/svg'/></svg> --><style>@import '{address}/css';</style>",
        f"<meta http-equiv=refresh content='0;url={address}/meta'> &#60;script&#62; \x1b[2J \u202e gnp",
    ]


def test_a_hostile_corpus_fetches_nothing_and_runs_nothing(tmp_path):
    with listening() as (address, asked):
        path = tmp_path / "<img src=x onerror=alert(1)>.jsonl"
        texts = [f"{attack} {number}" for number, attack in enumerate(attacks(address) * 10)]
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        options = {"path": str(path)}
        data = config.Data(source="files", source_options=options, tokenizer="bpe", tokenizer_options={"vocabulary": 500}, validation=0.2)
        run = run_on(tmp_path, "tiny", data)
        shown = tmp_path / "report.html"
        shown.write_text(page(report([run], tmp_path)))
        found = opened(shown, "--dump-dom")
    assert asked == []
    assert "<title>tiny · memlab report</title>" in found.stdout
    assert dangerous(found.stdout) == []
    assert "&lt;" in found.stdout, "the text is there"
    assert not re.search("CONSOLE|Refused", found.stderr), "nothing even tried"


def test_hostile_words_in_every_place_of_a_document_fetch_and_run_nothing(tmp_path):
    with listening() as (address, asked):
        text = " ".join(attacks(address))
        blocks = [
            text,
            doc.Facts([(text, text)], text, text),
            doc.Facts([(text, text)], text, text, is_folded=True),
            doc.Listing(["a"], [{"a": text}], text, text),
            doc.Figure("curves", {"series": (), "title": text, "x_label": text}, text, text, text),
            doc.Passage([doc.Token(text, "wrong", text)], text, text),
            doc.Code(text, text),
        ]
        document = doc.Document(text, text, [doc.Section(text, blocks, [doc.Section(text, [text])])], text)
        shown = tmp_path / "hostile.html"
        shown.write_text(page(document))
        found = opened(shown, "--dump-dom")
        assert asked == []
        assert dangerous(found.stdout) == []
        assert not re.search("CONSOLE|Refused", found.stderr)
        inside = tmp_path / "markdown.html"
        inside.write_text(re.sub(r"(?ms)^(`{3,})\n.*?\n\1$", "", markdown(document, "there")[0]))  # a viewer shows fenced lines as text
        assert dangerous(opened(inside, "--dump-dom").stdout) == []
        assert asked == []
        control = tmp_path / "control.html"
        control.write_text(f"<!doctype html><title>control</title><body>{text}")
        dom = opened(control, "--dump-dom").stdout
        assert "<title>owned" in dom, "these attacks do work where nothing is done against them"
        assert dangerous(dom)
        assert asked


@pytest.mark.parametrize("width", [400, 1200])
def test_no_table_and_no_picture_is_wider_than_the_page(tmp_path, width):
    values = [
        {"a": "a word or two", "b": "package.module.function_of_a_long_name", "c": 1.5, "d": 12345, "e": "0.325 (0-2.8)", "f": "x y " * 20}
    ]
    settings = [{"a": "data.tokenizer_options.vocabulary", "b": "['torch', 'transformers', 'sympy', 'numpy', 'networkx'] " * 3, "c": 4096}]
    sides = doc.Listing(["a", Column("b", right=True), Column("c", right=True)], settings, "two runs")
    curves = doc.Figure("curves", {"series": [Series("s", [0.0, 1.0], [1.0, 2.0])]}, "t", "words")
    text = page(doc.Document("t", "l", [doc.Section("s", [doc.Listing(list("abcdef"), values, "many"), sides, curves])]))
    over = "[...document.querySelectorAll('.wide')].map(one => one.scrollWidth - one.clientWidth)"
    inside, shown = tmp_path / "inside.html", tmp_path / "shown.html"
    inside.write_text(
        re.sub("<meta http-equiv[^>]*>", "", text).replace("</body>", f"<script>parent.postMessage({over}, '*')</script></body>")
    )
    listening = "<script>onmessage = message => document.title = 'over ' + message.data</script>"
    shown.write_text(
        f"<!doctype html><title>t</title>{listening}<iframe src=inside.html width={width} height=900></iframe>"
    )  # no window is so narrow
    assert "<title>over 0,0,0</title>" in opened(shown, "--dump-dom").stdout


def test_it_can_be_printed_with_what_is_folded(tmp_path):
    """Folded, these cards would all fit on one sheet."""
    cards = [doc.Facts([(f"name {number}", "words " * 30)] * 8, f"card {number}", is_folded=True) for number in range(12)]
    shown, printed = tmp_path / "folded.html", tmp_path / "folded.pdf"
    shown.write_text(page(doc.Document("t", "l", [doc.Section("s", cards)])))
    opened(shown, f"--print-to-pdf={printed}", "--no-pdf-header-footer")
    assert len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes())) > 3
