"""Sources of text, one a file: `Options`, `documents(options)`, `fingerprint(options)`, and what is known of their distribution.

A source module defines
    Options                     a frozen dataclass of its settings, checked in `__post_init__`
    documents(options)          the documents in a stable order; may be iterated more than once with the same result
    fingerprint(options)        a short string that changes whenever the documents would
and, where its distribution is known exactly,
    log_probability(text, options)   ln p of one document's text under the distribution that it was drawn from, in nats
    entropy(options)                 entropy of one training document under it, in nats
    next_words(prefix, options)      how likely each word is to follow the first words of a document, None for its end
and, where such a document never occurs twice, so that those of a split follow another distribution than the draws,
    unrepeated(options, split, first, last)   that distribution, of a split's documents from `first` to before `last` (all of them): has
                                `entropy`, `log_probability(text)`, `next_words(prefix)` and `words`, which say what documents these are
and, where they are known without reading the documents,
    count(options)                   how many documents there are
and, where they may have to be downloaded,
    fetch(options, progress)         download them, before anything else is asked
and, where that needs no more than a minute and nothing from elsewhere,
    QUICK = True                a literal: a corpus may be made unasked, to say what to expect of a run
"""
