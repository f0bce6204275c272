"""A file is the old one or the new one, whole, whenever somebody looks and whatever fails."""

import os
import stat
import threading

import pytest

from shared.core.files import create_file, drafting, write_draft, write_file, write_files


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_made_and_replaced_and_nothing_else_stays(tmp_path) -> None:
    path = tmp_path / "status.json"
    write_file(path, "ä")
    write_file(path, b"second")
    assert path.read_bytes() == b"second"
    assert names(tmp_path) == ["status.json"]


def test_a_reader_never_sees_a_part(tmp_path) -> None:
    path, over, seen = tmp_path / "big", threading.Event(), set()
    contents = [letter * 2_000_000 for letter in (b"a", b"b")]
    write_file(path, contents[0])

    def read() -> None:
        while not over.is_set():
            data = path.read_bytes()
            seen.add((data[:1], data == data[:1] * len(data), len(data)))

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(40):
        write_file(path, contents[turn % 2])
    over.set()
    reader.join()
    assert seen <= {(b"a", True, 2_000_000), (b"b", True, 2_000_000)}


def test_where_writing_fails_the_old_file_stays_and_no_draft_does(tmp_path) -> None:
    path = tmp_path / "result"
    write_file(path, "old")

    def fail() -> None:
        with drafting(path) as draft:
            draft.write_text("half of the new")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        fail()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["result"]


def test_a_link_stays_a_link_and_permissions_stay_as_they_were(tmp_path) -> None:
    target, link = tmp_path / "there", tmp_path / "link"
    write_file(target, "old")
    target.chmod(0o640)
    link.symlink_to(target)
    write_file(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_what_is_no_plain_file_is_written_to_and_stays(tmp_path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_file(pipe, "through")
    reader.join()
    assert read == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_files_are_written_into_a_folder_that_is_made(tmp_path) -> None:
    write_files(tmp_path / "a" / "b", {"x": b"1", "y": b"2"})
    assert names(tmp_path / "a" / "b") == ["x", "y"]


def test_a_file_that_is_created_was_not_there_and_has_its_permissions_from_the_start(
    tmp_path,
) -> None:
    path = tmp_path / "keys" / "signing.key"
    create_file(path, "first\n", mode=0o600)
    with pytest.raises(FileExistsError):
        create_file(path, "second\n", mode=0o600)
    assert path.read_text() == "first\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(path.parent) == ["signing.key"]


def test_of_many_that_create_a_file_one_does(tmp_path) -> None:
    path, together, made = tmp_path / "key", threading.Barrier(8), []

    def create(number: int) -> None:
        together.wait()
        try:
            create_file(path, str(number), mode=0o600)
        except FileExistsError:
            return
        made.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [str(number) for number in made] == [path.read_text()]


def test_a_draft_is_never_written_over_another(tmp_path) -> None:
    write_draft(tmp_path / "draft", b"first")
    with pytest.raises(FileExistsError):
        write_draft(tmp_path / "draft", b"second")
    assert (tmp_path / "draft").read_bytes() == b"first"
