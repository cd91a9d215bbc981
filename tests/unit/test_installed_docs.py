"""Docstrings are read from source text, each once, in an order that only the seed and the files decide."""

import inspect
import json
import random
import sys
import warnings
from types import SimpleNamespace

import pytest

from memlab import config
from memlab.data.sources import installed_docs
from memlab.data.sources.installed_docs import Options, documents, fingerprint
from memlab.errors import ConfigError, DataError

LONG = "A sentence that is long enough to be kept, and said by"


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A standard library of one module, so that reading it takes no time."""
    folder = tmp_path / "lib"
    write(folder / "one.py", docstring("one"))
    monkeypatch.setattr(installed_docs, "sysconfig", SimpleNamespace(get_path=lambda _: str(folder)))
    return folder


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A folder of installed packages."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def docstring(who, indent=""):
    return f'{indent}"""{LONG} {who}."""\n'


def texts(*names, **options):
    return {document.name: document.text for document in documents(Options(packages=names, **options))}


@pytest.mark.slow
def test_the_standard_library_gives_what_help_shows():
    found = texts()
    assert len(found) > 3000
    assert sum(map(len, found.values())) > 1_000_000
    assert found["json.decoder.JSONDecoder.decode"] == inspect.getdoc(json.JSONDecoder.decode)
    assert found["random.Random.shuffle"] == inspect.getdoc(random.Random.shuffle)
    assert found["topics.assert"].startswith('The "assert" statement\n****')


def test_no_package_is_imported(library, packages):
    write(packages / "explosive" / "__init__.py", docstring("explosive") + 'raise RuntimeError("imported")')
    write(packages / "explosive" / "part.py", docstring("part") + 'raise RuntimeError("imported")')
    assert texts("explosive") == {"one": f"{LONG} one.", "explosive": f"{LONG} explosive.", "explosive.part": f"{LONG} part."}
    assert not [name for name in sys.modules if name.startswith("explosive")]


def test_definitions_are_found_wherever_statements_may_stand(library, packages):
    write(
        packages / "nested.py",
        f"""
class Outer:
    class Inner:
        async def method(self):
        {docstring("method", "    ")}
if True:
    pass
else:
    def in_else():
    {docstring("else", "    ")}
try:
    pass
except ValueError as error:
    def in_handler():
    {docstring("handler", "    ")}
finally:
    with open("x") as file:
        def in_with():
        {docstring("with", "    ")}
match 1:
    case 1:
        def in_case():
            def closure():
            {docstring("closure", "    ")}
""",
    )
    del (found := texts("nested"))["one"]
    assert sorted(found) == ["nested.Outer.Inner.method", "nested.in_case.closure", "nested.in_else", "nested.in_handler", "nested.in_with"]


def test_texts_are_cleaned_as_by_cleandoc(library, packages):
    raw = f"{LONG} a margin.\n\n        Indented,\n            and more.\n    "
    write(packages / "margin.py", f'"""{raw}"""')
    assert texts("margin")["margin"] == inspect.cleandoc(raw)


def test_a_text_is_one_document_named_after_its_first_place(library, packages):
    write(packages / "copies" / "b.py", docstring("all"))
    write(packages / "copies" / "a.py", docstring("all"))
    del (found := texts("copies"))["one"]
    assert found == {"copies.a": f"{LONG} all."}


def test_the_seed_alone_orders_the_documents(library, packages):
    for i in range(20):
        write(packages / "many" / f"m{i}.py", docstring(str(i)))
    orders = [[document.name for document in documents(Options(packages=("many",), seed=seed))] for seed in (0, 1, 0)]
    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])


def test_documents_can_be_iterated_over_twice(library):
    found = documents(Options())
    assert list(found) == list(found)


def test_short_docstrings_are_left_out(library, packages):
    write(packages / "short.py", '"""Ten chars."""')
    assert "short" not in texts("short")
    assert "short" not in texts("short", minimum_characters=11)
    assert "short" in texts("short", minimum_characters=10)


@pytest.mark.parametrize(
    "source",
    [
        b"def broken(:",
        b'"""' + LONG.encode() + b'\xff."""',
        b"# coding: no-such-coding\n" + docstring("x").encode(),
        docstring("x").encode() + b"\0",
        docstring("x").encode() + b"(" * 5000,
        docstring("x").encode() + b"-" * 100_000 + b"1",
        b'"""' + LONG.encode() + b' half a pair: \\ud800."""',
    ],
    ids=["syntax", "not UTF-8", "unknown coding", "null byte", "nesting", "deep nesting", "surrogate"],
)
def test_what_does_not_parse_is_passed_over(library, packages, source):
    write(packages / "mixed" / "bad.py", source)
    write(packages / "mixed" / "good.py", docstring("good"))
    assert set(texts("mixed")) == {"one", "mixed.good"}


def test_tests_and_what_cannot_be_imported_are_passed_over(library, packages):
    for place in ("tests/a.py", "test/a.py", "in-valid/a.py", "in-valid.py", "data.txt", "real/__init__.py"):
        write(packages / "tidy" / place, docstring(place))
    for place in ("site-packages/other.py", "encodings/cp1252.py", "idlelib/run.py", "json/__init__.py"):
        write(library / place, docstring(place))
    assert set(texts("tidy")) == {"one", "json", "tidy.real"}


def test_a_single_module_and_a_namespace_package_are_packages_too(library, packages, tmp_path, monkeypatch):
    write(packages / "single.py", docstring("single"))
    write(packages / "space" / "a.py", docstring("a"))
    write(tmp_path / "elsewhere" / "space" / "b.py", docstring("b"))
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    assert set(texts("single", "space")) == {"one", "single", "space.a", "space.b"}


def test_warnings_about_other_peoples_code_stay_away_and_our_own_remain(library, packages):
    write(packages / "warns.py", docstring("warns") + 'x = "\\d" is 1\n')
    before = warnings.filters[:]
    assert "warns" in texts("warns")
    assert warnings.filters == before


def test_a_paragraph_stands_only_in_the_shortest_topic_that_has_it(library):
    shared = "This paragraph is long enough to count as a repetition where it is found once more, in another topic."
    own = "For example:\n\nAnother paragraph that only the longer one of the two topics has, and which it therefore keeps."
    inner = f"Inner\n*****\n\n{shared}\n\nFor example:\n\n   x"
    repeated = inner.replace("*", "=")
    outer = f"Outer\n*****\n\n{own}\n\n\n{repeated}\n\n\nLast\n====\n\nThe end."
    write(library / "pydoc_data" / "topics.py", f"topics = {{'outer': {outer!r}, 'inner': {inner!r}}}")
    found = texts()
    assert found["topics.inner"] == inner
    assert found["topics.outer"] == f"Outer\n*****\n\n{own}\n\nLast\n====\n\nThe end."


def test_the_fingerprint_changes_with_files_and_options_and_nothing_else(library, packages):
    write(packages / "growing" / "__init__.py", docstring("old"))
    options = Options(packages=("growing",))
    first = fingerprint(options)
    assert fingerprint(options) == first
    others = [Options(), Options(packages=("growing",), seed=1), Options(packages=("growing",), minimum_characters=1)]
    write(packages / "growing" / "__init__.py", docstring("new"))
    assert len({first, fingerprint(options), *map(fingerprint, others)}) == 5


def test_a_changed_file_is_read_again(library, packages):
    write(packages / "changing.py", docstring("old"))
    assert texts("changing")["changing"].endswith("old.")
    write(packages / "changing.py", docstring("new"))
    assert texts("changing")["changing"].endswith("new.")


def test_options_come_from_a_table_of_settings():
    assert config.build_options(Options, {"packages": "torch"}, "data.source_options") == Options(packages=("torch",))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"packages": "torch"}, r"packages is 'torch'; it must be a list of names, such as \['torch'\]"),
        ({"packages": ("torch.nn",)}, "packages names 'torch.nn'; give the name that is imported, without dots or dashes"),
        ({"packages": ("scikit-learn",)}, "packages names 'scikit-learn'; give the name that is imported"),
        ({"minimum_characters": 0}, "minimum_characters is 0; it must be at least 1"),
    ],
)
def test_a_wrong_setting_is_named(options, message):
    with pytest.raises(ConfigError, match=message):
        Options(**options)


def test_a_missing_package_is_named_with_what_to_do(library):
    with pytest.raises(ConfigError, match=r"packages names 'absent_one', .*python -m pip install absent_one\) or leave it out"):
        documents(Options(packages=("absent_one",)))


@pytest.mark.parametrize("package", ["math", "sys", "empty"])
def test_a_package_without_source_is_named_with_what_to_do(library, packages, package):
    (packages / "empty").mkdir()
    with pytest.raises(DataError, match=f"packages names '{package}', which has no Python source code to read; leave it out"):
        documents(Options(packages=(package,)))


def test_a_python_without_source_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(installed_docs, "sysconfig", SimpleNamespace(get_path=lambda _: str(tmp_path / "python311.zip")))
    with pytest.raises(DataError, match=r"no source code of its standard library in .*python311.zip .*the source 'files'"):
        documents(Options())
