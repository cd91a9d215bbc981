"""Books of Project Gutenberg are read whole, without what is not theirs."""

import datasets
import huggingface_hub
import pyarrow
import pytest
from pyarrow import parquet

from memlab.config import Data
from memlab.data.corpus import open_corpus
from memlab.data.sources import _hub
from memlab.data.sources.gutenberg import Options, book, count, documents, fingerprint
from memlab.errors import ConfigError, DataError

OWN = "CHAPTER I\n\nIt was a dark night.\n\n    *** \n\nShe said: *START*.\n\nTHE END"
HEADER = "The Project Gutenberg eBook of A Book\n\nThis ebook is for the use of anyone anywhere.\n\nTitle: A Book\n\n"
LICENCE = "\n\nUpdated editions will replace the previous one.\n\n*** START: FULL LICENSE ***\n\nPLEASE READ THIS.\n"


def wrapped(own=OWN, start="*** START OF THE PROJECT GUTENBERG EBOOK A BOOK ***", end="*** END OF THE PROJECT GUTENBERG EBOOK A BOOK ***"):
    return f"{HEADER}{start}\n\n\n{own}\n\n\n{end}{LICENCE}"


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch):
    """No network, and a cache of `datasets` of this test's own."""
    _hub.fetched.cache_clear()
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


def library(folder, numbers=range(1, 31)):
    """Books as gutenberg.org has them: a folder a book."""
    for number in numbers:
        (folder / str(number)).mkdir(parents=True)
        (folder / str(number) / f"pg{number}.txt").write_text(wrapped(f"Book {number}.\n\nIts text."))
    return folder


def tables(folder, split="en", count=30):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(2):
        books = [wrapped(f"{split} {n}") for n in range(number * count // 2, (number + 1) * count // 2)]
        ids = [f"{n}-8" for n in range(len(books))]
        parquet.write_table(pyarrow.table({"id": ids, "text": books}), folder / f"{split}-{number:05}-of-00002-1f2e.parquet")
    return folder


def texts_of(**options):
    return [document.text for document in documents(Options(**options))]


class TestBook:
    @pytest.mark.parametrize(
        "stored",
        [
            wrapped(),
            wrapped().replace("\n", "\r\n"),
            wrapped(start="*** START OF THIS PROJECT GUTENBERG EBOOK A BOOK ***", end="*** END OF THIS PROJECT GUTENBERG EBOOK A BOOK ***"),
            wrapped(start="***START OF THE PROJECT GUTENBERG EBOOK A BOOK***", end="***END OF THE PROJECT GUTENBERG EBOOK A BOOK***"),
            wrapped(start="*** START OF THE PROJECT GUTENBERG EBOOK A BOOK WITH A VERY\nLONG TITLE, IN TWO LINES ***"),
            wrapped(
                start="*** Start of the Project Gutenberg EBook of A Book ***", end="*** End of the Project Gutenberg EBook of A Book ***"
            ),
            wrapped(end="End of the Project Gutenberg EBook of A Book, by A. Person\n\n*** END OF THIS PROJECT GUTENBERG EBOOK A BOOK ***"),
            wrapped(end="End of Project Gutenberg's A Book, by A. Person\n\n*** END OF THIS PROJECT GUTENBERG EBOOK A BOOK ***"),
            wrapped(
                start="*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*", end="End of the Project Gutenberg Etext of A Book"
            ),
            wrapped(start="*END THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.03/17/92*END*", end="End of The Project Gutenberg Etext"),
            OWN,
            f"\n\n{OWN} \n",
        ],
    )
    def test_header_and_licence_are_removed(self, stored):
        assert book(stored) == OWN

    def test_a_small_print_before_the_start_goes_too(self):
        start = "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN EBOOKS*Ver.02/11/02*END*\n\n***START OF THE PROJECT GUTENBERG EBOOK A BOOK***"
        assert book(wrapped(start=start)) == OWN

    def test_a_book_that_speaks_of_the_project_is_not_cut_at_its_first_word(self):
        own = "This is about Project Gutenberg, and about the end of the Project Gutenberg License: END OF IT."
        assert book(wrapped(own)) == own


class TestPlaces:
    def test_a_folder_of_books_gives_a_document_each_in_a_seeded_order(self, tmp_path):
        folder = str(library(tmp_path / "books"))
        found = list(documents(Options(data_dir=folder)))
        assert sorted(document.text for document in found) == sorted(f"Book {number}.\n\nIts text." for number in range(1, 31))
        assert all(document.name == f"{n}/pg{n}.txt" for document in found for n in [document.text.split()[1].rstrip(".")])
        assert list(documents(Options(data_dir=folder))) == found
        assert texts_of(data_dir=folder, seed=1) != texts_of(data_dir=folder) != sorted(texts_of(data_dir=folder))

    def test_tables_keep_their_order(self, tmp_path):
        found = list(documents(Options(data_dir=str(tables(tmp_path / "books")))))
        assert [document.text for document in found] == [f"en {number}" for number in range(30)]
        assert found[20].name == "en-00001-of-00002-1f2e.parquet#6"

    def test_a_copy_with_all_languages_gives_one(self, tmp_path):
        tables(tables(tables(tmp_path / "books"), "de"), "fr")
        assert texts_of(data_dir=str(tmp_path / "books")) == [f"en {number}" for number in range(30)]
        assert texts_of(data_dir=str(tmp_path / "books"), split="fr") == [f"fr {number}" for number in range(30)]

    def test_a_data_set_in_the_hubs_layout_gives_the_same_books(self, tmp_path):
        folder = tables(tables(tmp_path / "hub" / "data"), "de").parent
        assert texts_of(repository=str(folder)) == [f"en {number}" for number in range(30)]
        assert texts_of(repository=str(folder), split="de", documents=3) == [f"de {number}" for number in range(3)]

    def test_so_many_books_are_a_prefix_and_can_be_counted(self, tmp_path):
        folder = str(tables(library(tmp_path / "books")))
        whole = texts_of(data_dir=folder)
        assert len(whole) == count(Options(data_dir=folder)) == 60
        for n in (10, 45):
            assert texts_of(data_dir=folder, documents=n) == whole[:n]
            assert count(Options(data_dir=folder, documents=n)) == n

    def test_old_books_are_read_whatever_their_encoding(self, tmp_path):
        (tmp_path / "old.txt").write_bytes(wrapped("Le café “fermé”").encode("windows-1252"))
        (tmp_path / "new.txt").write_bytes(b"\xef\xbb\xbf" + wrapped("Le café “fermé”").encode())
        assert texts_of(data_dir=str(tmp_path)) == ["Le café “fermé”"] * 2
        assert texts_of(data_dir=str(tmp_path / "old.txt")) == ["Le café “fermé”"]

    def test_books_without_text_are_left_out(self, tmp_path):
        (tmp_path / "a.txt").write_text(wrapped(""))
        (tmp_path / "b.txt").write_text(wrapped("Text"))
        (tmp_path / ".c.txt").write_text(wrapped("hidden"))
        assert texts_of(data_dir=str(tmp_path)) == ["Text"]

    def test_from_books_to_tokens_and_back(self, tmp_path):
        data = Data(source="gutenberg", source_options={"data_dir": str(library(tmp_path / "books"))}, tokenizer="byte", validation=0.1)
        corpus = open_corpus(tmp_path, data)
        texts = [corpus.text(split, index) for split, counts in corpus.splits().items() for index in range(counts["documents"])]
        assert sorted(texts) == sorted(f"Book {number}.\n\nIts text." for number in range(1, 31))


class TestErrors:
    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            ({"documents": -1}, "data.source_options.documents is -1; it must be at least 0"),
            ({"seed": -1}, "data.source_options.seed is -1; it must be at least 0"),
            ({"split": "en[:1%]"}, r"data.source_options.split is 'en\[:1%\]'; it must be a whole split"),
            ({"repository": ""}, "data.source_options.repository is empty"),
        ],
    )
    def test_a_wrong_setting_is_named(self, options, complaint):
        with pytest.raises(ConfigError, match=complaint):
            Options(**options)

    def test_offline_it_says_what_to_fetch(self):
        with pytest.raises(DataError) as refused:
            documents(Options())
        for words in (
            "data set 'manu/project_gutenberg' cannot be had here",
            "11 GB in English",
            'hf download manu/project_gutenberg --repo-type dataset --include "data/en-*" --local-dir FOLDER',
        ):
            assert words in str(refused.value)

    def test_a_split_that_is_not_there_is_said(self, tmp_path):
        with pytest.raises(DataError, match=r"cannot be read: Unknown split \"xx\""):
            documents(Options(repository=str(tables(tmp_path / "hub")), split="xx"))

    def test_a_folder_without_books_says_what_can_be_read(self, tmp_path):
        (tmp_path / "a.epub").write_text("")
        with pytest.raises(DataError, match=r"no books in .*; their names must end in .txt, .parquet, .arrow"):
            documents(Options(data_dir=str(tmp_path)))

    def test_tables_without_the_column_are_refused(self, tmp_path):
        parquet.write_table(pyarrow.table({"TEXT": ["x"]}), tmp_path / "a.parquet")
        with pytest.raises(DataError, match=r"no column 'text', only 'TEXT'; give a folder of .txt books, or of tables with that column"):
            texts_of(data_dir=str(tmp_path))

    def test_nothing_but_licences_is_no_text(self, tmp_path):
        (tmp_path / "a.txt").write_text(wrapped(""))
        with pytest.raises(DataError, match=r"no text in 1 file\(s\), of which the first is .*a.txt"):
            texts_of(data_dir=str(tmp_path))


def test_the_fingerprint_changes_with_a_word_of_a_book(tmp_path):
    options = Options(data_dir=str(library(tmp_path / "books")))
    before = fingerprint(options)
    file = tmp_path / "books" / "7" / "pg7.txt"
    file.write_text(file.read_text().replace("Its text", "Its best"))
    assert fingerprint(options) != before
