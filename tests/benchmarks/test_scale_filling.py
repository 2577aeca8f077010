"""What a large database is filled with."""

from benchmarks.scale_filling import made_up


def test_made_up_words_differ_and_are_one_word_each() -> None:
    words = [made_up(rank) for rank in range(3000)]
    assert len(set(words)) == 3000
    assert all(word.isalpha() for word in words)
