"""A person's own files become documents whose text is what the files hold, one batch at a time."""

import csv
import io
import json
import random
import subprocess
import sys
import tracemalloc

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from memlab import config
from memlab.data.sources import files
from memlab.data.sources.files import Options, documents, fingerprint, passages
from memlab.errors import ConfigError, DataError

# What readers that guess types, or trim, turn into something else.
AWKWARD = [
    "007",
    "NA",
    "null",
    "2020-01-01",
    "1e5",
    "True",
    "a\r\nb",
    "a\rb",
    "a\n\nb",
    ' "q" ,x',
    "  lead",
    "trail ",
    "é\u2028\x0b\x85",
    "n\0l",
]

WRITERS = {}


def writer(function):
    WRITERS[function.__name__] = function
    return function


@writer
def jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@writer
def csv_(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.DictWriter(file, rows[0])
        lines.writeheader()
        lines.writerows(rows)


@writer
def parquet_(path, rows):
    parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=5)


@pytest.fixture(params=sorted(WRITERS))
def table(request, tmp_path):
    """Writes rows to a file of one of the kinds that have rows, and returns its path."""

    def write(rows, name="data"):
        path = tmp_path / f"{name}.{request.param.rstrip('_')}"
        WRITERS[request.param](path, rows)
        return path

    return write


def read(*paths, **options):
    return list(documents(Options(path=tuple(map(str, paths)), **options)))


def paragraphs(count, seed=0):
    words = random.Random(seed)
    return "\n\n".join(" ".join(words.choices(["one", "two.", "three,", "four"], k=words.randint(1, 200))) for _ in range(count))


class TestText:
    def test_passages_joined_are_the_file_again(self, tmp_path):
        text = paragraphs(300)
        (tmp_path / "book.txt").write_text(text)
        found = read(tmp_path / "book.txt", passage_characters=1000)
        assert "".join(document.text for document in found) == text
        assert [document.name for document in found] == [f"book.txt#{i}" for i in range(1, len(found) + 1)]
        assert all(500 <= len(document.text) <= 2000 for document in found[:-1])
        assert 800 < sum(len(document.text) for document in found) / len(found) < 1200

    def test_passages_end_with_a_paragraph_where_one_ends_nearby(self, tmp_path):
        (tmp_path / "book.md").write_text(paragraphs(300))
        found = read(tmp_path / "book.md", passage_characters=2000)
        assert all(document.text.endswith("\n\n") for document in found[:-1])

    @given(st.text(alphabet="ab. \n\té", max_size=200), st.integers(1, 40))
    @settings(deadline=None)
    def test_passages_lose_nothing_and_keep_their_size(self, text, characters):
        pieces = list(passages(io.StringIO(text), characters))
        assert "".join(pieces) == text
        assert all(characters <= 2 * len(piece) and len(piece) <= 2 * characters for piece in pieces[:-1])

    @pytest.mark.parametrize(
        ("text", "first"),
        [
            ("Aaaa. Bbbb\nCc dd\n\nEeee", "Aaaa. Bbbb\nCc dd\n\n"),
            ("Aaaa. Bbbb\nCc dd" + "d" * 90, "Aaaa. Bbbb\n"),
            ("Aaaa aa. Bbbb Cc dd" + "d" * 90, "Aaaa aa. "),
            ("Aaaa Bbbb Cc" + "d" * 90, "Aaaa Bbbb "),
            ("a" * 90, "a" * 10),
        ],
    )
    def test_a_cut_prefers_paragraph_line_sentence_word(self, text, first):
        assert next(passages(io.StringIO(text), 10)) == first

    def test_line_ends_become_newlines_and_a_byte_order_mark_goes(self, tmp_path):
        (tmp_path / "dos.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n")
        assert [document.text for document in read(tmp_path / "dos.txt")] == ["one\ntwo\nthree\n"]

    def test_a_file_given_by_name_may_have_any_ending(self, tmp_path):
        (tmp_path / "notes.org").write_text("A heading")
        assert [document.name for document in read(tmp_path / "notes.org")] == ["notes.org#1"]


class TestRows:
    def test_texts_are_exactly_as_stored(self, table):
        path = table([{"id": i, "text": text} for i, text in enumerate(AWKWARD)])
        found = read(path)
        assert [document.text for document in found] == AWKWARD
        assert [document.name for document in found][-1] == f"{path.name}#{len(AWKWARD)}"

    def test_texts_that_all_look_like_dates_stay_texts(self, table):
        assert [document.text for document in read(table([{"text": "2020-01-01"}] * 3))] == ["2020-01-01"] * 3

    def test_rows_without_text_are_left_out_and_keep_their_number(self, table):
        path = table([{"id": i, "text": text} for i, text in enumerate(["first", None, "", " \n", "last"])])
        assert [(document.name, document.text) for document in read(path)] == [(f"{path.name}#1", "first"), (f"{path.name}#5", "last")]

    def test_another_column_can_hold_the_text(self, table):
        path = table([{"text": "no", "story": "yes"}])
        assert [document.text for document in read(path, column="story")] == ["yes"]

    def test_a_missing_column_is_named_with_those_there_are(self, table):
        path = table([{"id": "1", "txt": "x"}])
        with pytest.raises(DataError, match=r"no column 'text', only 'id', 'txt'; set data.source_options.column.*; did you mean 'txt'\?$"):
            read(path)
        with pytest.raises(DataError, match=r"no column 'zzz', only 'id', 'txt'; set data.source_options.column"):
            read(path, column="zzz")

    def test_many_columns_and_long_ones_are_named_in_short(self, table):
        path = table([{"id": "1", "a" * 500: "x", **{f"column {number}": "x" for number in range(50)}}])
        named = rf"only .*'{'a' * 23}…'.* and 44 others; set data.source_options.column"
        with pytest.raises(DataError, match=named) as raised:
            read(path)
        assert len(str(raised.value)) < len(str(path)) + 400

    def test_a_csv_file_without_names_is_told_to_need_them(self, tmp_path):
        (tmp_path / "a.csv").write_text(f'1,"{"a review, and a long one " * 100}",good\n' * 5)
        with pytest.raises(
            DataError, match=r"only '1', 'a review, and a long on…', 'good'; .* put a first line with names where the file has none$"
        ):
            read(tmp_path / "a.csv")

    def test_rows_of_jsonl_may_lack_the_column_as_long_as_one_has_it(self, tmp_path):
        jsonl(tmp_path / "a.jsonl", [{"id": 1}, {"id": 2, "text": "x"}, {"text": "y", "late": True}])
        assert [document.name for document in read(tmp_path / "a.jsonl")] == ["a.jsonl#2", "a.jsonl#3"]

    def test_half_a_surrogate_pair_becomes_the_replacement_character(self, tmp_path):
        (tmp_path / "a.jsonl").write_text(r'{"text": "a\ud800b \ud83d\ude00"}')
        assert [document.text for document in read(tmp_path / "a.jsonl")] == ["a\ufffdb 😀"]

    def test_csv_may_have_a_nameless_column_blank_lines_and_trailing_commas(self, tmp_path):
        (tmp_path / "a.csv").write_text("\n,text\n0,x,\n\n1,y,\n")
        assert [document.text for document in read(tmp_path / "a.csv")] == ["x", "y"]

    def test_a_field_of_csv_may_be_long(self, tmp_path):
        csv_(tmp_path / "a.csv", [{"text": "x" * 200_000}])
        assert len(read(tmp_path / "a.csv")[0].text) == 200_000

    @pytest.mark.parametrize(
        "kind", [pyarrow.large_string(), pyarrow.string_view(), pyarrow.dictionary(pyarrow.int32(), pyarrow.string())], ids=str
    )
    def test_parquet_may_store_text_in_any_way(self, tmp_path, kind):
        values = pyarrow.array(["a", None, "b"])
        column = values.dictionary_encode() if pyarrow.types.is_dictionary(kind) else pyarrow.array(values.to_pylist(), kind)
        parquet.write_table(pyarrow.table({"text": column}), tmp_path / "a.parquet")
        assert [document.text for document in read(tmp_path / "a.parquet")] == ["a", "b"]


class TestPaths:
    def test_a_folder_is_read_below_in_the_order_of_its_paths(self, tmp_path):
        for name in ("b.txt", "a/z.MD", "a/b/c.txt", "B.txt", ".hidden.txt", ".git/x.txt", "image.png"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(name)
        assert [document.name for document in read(tmp_path)] == ["B.txt#1", "a/b/c.txt#1", "a/z.MD#1", "b.txt#1"]

    def test_several_paths_keep_their_order_and_give_each_file_once(self, tmp_path):
        for name in ("b/one.txt", "a/one.txt"):
            (tmp_path / name).parent.mkdir()
            (tmp_path / name).write_text(name)
        (tmp_path / "z.txt").symlink_to(tmp_path / "a" / "one.txt")
        assert [document.name for document in read(tmp_path / "b", tmp_path / "a" / "one.txt", tmp_path)] == ["b/one.txt#1", "a/one.txt#1"]

    def test_names_with_wild_cards_are_names(self, table):
        assert [document.name[:5] for document in read(table([{"text": "x"}], name="[a]*?"))] == ["[a]*?"]

    def test_a_tilde_is_the_home(self, tmp_path, monkeypatch):
        (tmp_path / "book.txt").write_text("Text")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert [document.text for document in documents(Options(path="~/book.txt"))] == ["Text"]

    def test_a_file_name_that_is_not_utf8_gives_a_name_that_is(self, tmp_path):
        path = tmp_path / b"caf\xe9.txt".decode(errors="surrogateescape")
        path.write_text("Text")
        assert [document.name for document in read(path)] == ["caf\ufffd.txt#1"]

    def test_options_come_from_a_table_of_settings(self):
        for path in ("a.txt", ("a.txt", "b")):
            assert config.build_options(Options, {"path": path}, "data.source_options").path == path


class TestErrors:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({}, "data.source_options.path is empty; name a file or folder"),
            ({"path": ("a.txt", "")}, "data.source_options.path is empty"),
            ({"path": "a.txt", "passage_characters": 0}, "passage_characters is 0; it must be at least 1"),
        ],
    )
    def test_a_wrong_setting_is_named(self, options, message):
        with pytest.raises(ConfigError, match=message):
            Options(**options)

    def test_a_path_that_does_not_exist_is_named_with_where_it_was_looked_for(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ConfigError, match=rf"path is 'bok.txt', which does not exist \(looked for {tmp_path}/bok.txt\)"):
            documents(Options(path="bok.txt"))

    def test_what_is_no_file_is_refused(self):
        with pytest.raises(ConfigError, match=r"path is '/dev/null', which is neither a file nor a folder; save its text"):
            documents(Options(path="/dev/null"))

    def test_a_folder_without_readable_files_names_the_endings(self, tmp_path):
        (tmp_path / "image.png").write_bytes(b"")
        with pytest.raises(DataError, match=r"no files to read in folder .*\.txt, \.md, \.jsonl, \.csv, \.parquet"):
            documents(Options(path=str(tmp_path)))

    def test_empty_files_are_passed_over_unless_all_are(self, tmp_path):
        for name in ("a.txt", "b.csv", "c.jsonl", "d.parquet"):
            (tmp_path / name).touch()
        (tmp_path / "e.txt").write_text(" \n")
        with pytest.raises(DataError, match=r"no text in .*: 5 file\(s\), all empty"):
            read(tmp_path)
        (tmp_path / "f.txt").write_text("Text")
        assert len(read(tmp_path)) == 1

    @pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl"])
    def test_a_file_that_is_not_utf8_is_named_with_the_byte_and_the_way_out(self, tmp_path, name):
        start = {"a.txt": b"", "a.csv": b"text\n", "a.jsonl": b'{"text": "'}[name]
        (tmp_path / name).write_bytes(start + b"\xc3\xa9" * 600_000 + b"\xe9 Latin")
        with pytest.raises(
            DataError, match=rf"{name} is not UTF-8 from byte {len(start) + 1_200_000} on; .*iconv -f WINDOWS-1252 -t UTF-8 "
        ):
            read(tmp_path / name)

    def test_a_character_cut_off_at_the_end_is_not_utf8(self, tmp_path):
        (tmp_path / "a.txt").write_bytes(b"seven..\xc3")
        with pytest.raises(DataError, match="not UTF-8 from byte 7 on"):
            read(tmp_path / "a.txt")

    def test_utf16_is_recognised(self, tmp_path):
        (tmp_path / "a.txt").write_text("hello", encoding="utf-16")
        with pytest.raises(DataError, match=r"from byte 0 on; convert it, for example: iconv -f UTF-16 -t UTF-8 .* > a.utf8.txt"):
            read(tmp_path / "a.txt")

    def test_a_file_of_an_unknown_kind_says_what_can_be_read(self, tmp_path):
        (tmp_path / "a.pdf").write_bytes(b"%PDF\xff")
        with pytest.raises(DataError, match=r"a\.pdf is not UTF-8 from byte 4 on, so not plain text; memlab reads \.txt, "):
            read(tmp_path / "a.pdf")

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("a.jsonl", '{"text": "x"}\n{"text"', r"line 2 of .*a\.jsonl is not JSON \(Expecting ':' delimiter\); .*one object in braces"),
            ("a.jsonl", "\n[1, 2]", r"line 2 of .*a\.jsonl is \[1, 2\]; a \.jsonl file has one object"),
            ("a.jsonl", '{"text": 5}', r"line 1 of .*: 'text' is 5; it must be a text in quotes, or null"),
            ("a.jsonl", '{"n": "x"}\n' * 2000, r"no column 'text', only 'n';"),
            ("a.csv", "id,text\n1,x\n2,y,z\n", r"line 3 of .*a\.csv has 3 fields where the header has 2; put a text that contains commas"),
            ("a.csv", "text,id\nx\ny,1\n", r"line 2 of .*a\.csv has 1 fields where the header has 2"),
            ("a.csv", 'text\n"x\n', r"a\.csv is not CSV \(unexpected end of data\); put a text in double quotes"),
            ("a.parquet", "neither", r"a\.parquet is not whole, or not Parquet \(.*\); fetch or write it again"),
        ],
    )
    def test_a_damaged_file_is_named_with_the_line(self, tmp_path, name, content, message):
        (tmp_path / name).write_text(content)
        with pytest.raises(DataError, match=message):
            read(tmp_path / name)

    def test_a_parquet_column_that_is_no_text_is_refused(self, tmp_path):
        parquet_(tmp_path / "a.parquet", [{"id": 1, "text": "x"}])
        with pytest.raises(DataError, match=r"column 'id' of .*a.parquet holds int64, not text; set data.source_options.column"):
            read(tmp_path / "a.parquet", column="id")

    def test_a_parquet_file_that_was_cut_short_inside_is_named(self, tmp_path):
        parquet_(tmp_path / "a.parquet", [{"text": "x" * 100 + str(i)} for i in range(1000)])
        content = bytearray((tmp_path / "a.parquet").read_bytes())
        content[4:400] = bytes(396)
        (tmp_path / "a.parquet").write_bytes(content)
        with pytest.raises(DataError, match=r"a\.parquet (is not whole|cannot be read)"):
            read(tmp_path / "a.parquet")


@pytest.mark.slow
class TestStreaming:
    def test_documents_are_read_as_they_are_asked_for(self, tmp_path):
        (tmp_path / "a.jsonl").write_text('{"text": "good"}\n{broken')
        found = iter(documents(Options(path=str(tmp_path))))
        assert next(found).text == "good"

    def test_documents_can_be_iterated_over_twice(self, tmp_path, table):
        found = documents(Options(path=str(table([{"text": "x"}, {"text": "y"}]))))
        assert list(found) == list(found) != []

    @pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv"])
    def test_memory_does_not_grow_with_the_file(self, tmp_path, name):
        line = {"a.txt": "word " * 40 + "\n\n", "a.jsonl": json.dumps({"text": "word " * 40}) + "\n", "a.csv": "word " * 40 + "\n"}[name]
        with (tmp_path / name).open("w") as file:
            file.write("text\n" if name == "a.csv" else "")
            file.writelines([line] * 40_000)
        size = (tmp_path / name).stat().st_size
        tracemalloc.start()
        try:
            characters = sum(len(document.text) for document in documents(Options(path=str(tmp_path))))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert characters >= 8_000_000
        assert peak < size / 10

    def test_parquet_is_held_a_batch_at_a_time_whatever_its_row_groups(self, tmp_path):
        texts = [f"{i} " * 1000 for i in range(20_000)]
        parquet.write_table(pyarrow.table({"text": texts}), tmp_path / "a.parquet", compression="none", use_dictionary=False)
        size = sum(map(len, texts))
        del texts
        before, largest = pyarrow.total_allocated_bytes(), 0
        for document in documents(Options(path=str(tmp_path))):
            assert document.text
            largest = max(largest, pyarrow.total_allocated_bytes() - before)
        assert largest < size / 5

    def test_importing_the_source_loads_no_library(self):
        code = "import sys, memlab.data.sources.files; print([m for m in ('datasets', 'pyarrow', 'pandas', 'torch') if m in sys.modules])"
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"

    def test_reading_leaves_nothing_behind(self, table, tmp_path, monkeypatch):
        home = tmp_path / "home"
        home.mkdir()
        monkeypatch.chdir(home)
        monkeypatch.setenv("HOME", str(home))
        path = table([{"text": "x"}])
        read(path)
        assert sorted(tmp_path.iterdir()) == sorted([path, home])
        assert not list(home.iterdir())


class TestFingerprint:
    def test_it_changes_with_contents_names_and_options_and_nothing_else(self, tmp_path):
        def of(folder, **options):
            return fingerprint(Options(path=str(tmp_path / folder), **options))

        for folder, name, text in (("a", "x.txt", "one"), ("same", "x.txt", "one"), ("text", "x.txt", "two"), ("name", "y.txt", "one")):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / name).write_text(text)
        assert of("a") == of("a") == of("same")
        assert len({of("a"), of("text"), of("name"), of("a", column="story"), of("a", passage_characters=5)}) == 5

    def test_an_unreadable_file_is_named(self, tmp_path, monkeypatch):
        (tmp_path / "x.txt").symlink_to(tmp_path / "gone.txt")
        with pytest.raises(DataError, match=r"x\.txt cannot be read: No such file"):
            fingerprint(Options(path=str(tmp_path)))

    def test_endings_are_those_of_the_first_line(self):
        assert all(ending in files.__doc__.splitlines()[0] for ending in files.ENDINGS)
