"""Fingerprints of source code: of its bytes, by place.

Those of its meaning: `tests/unit/model/test_other_code.py`.
"""

import pytest

from models.fit.code import model_code_hash
from shared.core import guards
from shared.core.errors import NotThere
from shared.core.fingerprint import digest_of, read_sources


def test_a_fingerprint_is_of_names_and_contents_whatever_the_order() -> None:
    features = read_sources(["shared/features"])
    assert digest_of(features) == digest_of(dict(reversed(features.items())))
    assert len(digest_of(features)) == 64
    place = next(iter(features))
    changes = [
        {**features, place: b"pass"},
        {f"{name}x": text for name, text in features.items()},
        read_sources(["shared/model"]),
    ]
    prints = {digest_of(texts) for texts in (features, *changes)} | {digest_of(features, "numpy 2")}
    assert len(prints) == 5


def test_a_room_brings_all_its_files_and_a_file_that_is_gone_is_no_silence(tmp_path) -> None:
    (tmp_path / "room/inner").mkdir(parents=True)
    for name in ("room/a.py", "room/inner/b.py", "room/c.txt", "alone.py"):
        (tmp_path / name).write_text("x = 1\n")
    assert set(read_sources(["room", "alone.py"], below=tmp_path)) == {
        "room/a.py",
        "room/inner/b.py",
        "alone.py",
    }
    for gone in ("nowhere", "nowhere.py", "room/inner/d.py"):
        with pytest.raises(NotThere, match=gone):
            read_sources(["room", gone], below=tmp_path)


def test_every_file_that_fits_a_model_is_there() -> None:
    assert len(guards.sources("fits")) >= 50
    assert len(model_code_hash()) == 16
