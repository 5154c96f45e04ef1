import pytest

from chalicelib.core import archive
from chalicelib.core.archive import ArchiveLimits, ArchiveRefused, Entry


def file(path: str, size: int = 1) -> Entry:
    return Entry(path, archive.FILE, 0o644, size)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a", "a"),
        ("./a/b", "a/b"),
        ("a//b", "a/b"),
        ("dir/", "dir"),
        ("..a/b..", "..a/b.."),
        ("ü", "ü"),
        ("a b", "a b"),
    ],
)
def test_a_name_becomes_a_clean_path(name: str, path: str) -> None:
    assert archive.clean_path(name) == path


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../a", "leads out"),
        ("a/../../b", "leads out"),
        ("a/..", "leads out"),
        ("/etc/passwd", "absolute"),
        ("a\\b", "character"),
        ("a\0.txt", "character"),
        ("", "names no file"),
        ("./", "names no file"),
        ("x" * 256, "too long"),
        ("ä" * 128, "too long"),
        ("x" * 200 + ("/" + "y" * 200) * 20, "too long"),
        ("\ud800", "Unicode"),
    ],
)
def test_a_name_that_is_not_one_is_refused(name: str, reason: str) -> None:
    with pytest.raises(ArchiveRefused, match=reason):
        archive.clean_path(name)


def test_a_refusal_is_short_however_long_the_name() -> None:
    with pytest.raises(ArchiveRefused) as refusal:
        archive.clean_path("/" + "x" * 100_000)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    ("name", "mode", "kind"),
    [
        ("a", 0o100644, archive.FILE),
        ("a", 0, archive.FILE),
        ("a/", 0, archive.DIRECTORY),
        ("a/", 0o40755, archive.DIRECTORY),
        ("a", 0o120777, archive.LINK),
    ],
)
def test_the_kind_comes_from_the_mode_or_the_slash(name: str, mode: int, kind: str) -> None:
    assert archive.kind_of(name, mode) == kind


@pytest.mark.parametrize("mode", [0o020644, 0o060644, 0o010644, 0o140644])
def test_devices_pipes_and_sockets_are_refused(mode: int) -> None:
    with pytest.raises(ArchiveRefused, match="device"):
        archive.kind_of("dev", mode)


@pytest.mark.parametrize(
    ("kind", "mode", "kept"),
    [
        (archive.FILE, 0o100755, 0o755),
        (archive.FILE, 0o104755, 0o755),
        (archive.FILE, 0o100444, 0o644),
        (archive.FILE, 0, 0o644),
        (archive.DIRECTORY, 0o40555, 0o755),
        (archive.DIRECTORY, 0, 0o755),
    ],
)
def test_permissions_are_kept_but_never_setuid_or_unusable(kind: str, mode: int, kept: int) -> None:
    assert archive.permissions(kind, mode) == kept


@pytest.mark.parametrize(
    ("path", "target"), [("a", "b"), ("a", "b/c"), ("d/a", "../b"), ("d/e/a", "../../b"), ("a", "./b")]
)
def test_a_link_inside_may_stay(path: str, target: str) -> None:
    archive.check_link(path, target)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("a", ".."),
        ("a", "/etc/passwd"),
        ("d/a", "../../b"),
        ("a", "b/../../c"),
        ("a", "b/.."),
        ("a", ""),
        ("a", "b\0"),
        ("a", "x" * 5000),
    ],
)
def test_a_link_that_could_leave_is_refused(path: str, target: str) -> None:
    with pytest.raises(ArchiveRefused, match="the link"):
        archive.check_link(path, target)


def test_nothing_may_lie_below_a_link_or_a_file() -> None:
    for kind in (archive.LINK, archive.FILE):
        with pytest.raises(ArchiveRefused, match="lies below"):
            archive.check_tree([Entry("a", kind, 0o777, 1), file("a/b/c")])


def test_a_file_named_twice_is_refused_and_a_folder_named_twice_is_not() -> None:
    folder = Entry("d", archive.DIRECTORY, 0o755, 0)
    archive.check_tree([folder, folder, file("d/a")])
    for pair in ([file("a"), file("a")], [folder, file("d")], [file("d"), folder]):
        with pytest.raises(ArchiveRefused, match="twice"):
            archive.check_tree(pair)


def test_limits_hold_at_their_edges() -> None:
    limits = ArchiveLimits(packed_bytes=100, unpacked_bytes=1000, files=3, ratio=5, ratio_from_bytes=50)
    archive.check_packed(100, limits)
    archive.check_unpacked([file("a", 500), file("b", 500)], limits)
    archive.check_ratio([file("a", 500)], 100, limits)
    archive.check_ratio([file("a", 50)], 1, limits)
    with pytest.raises(ArchiveRefused, match="101 bytes"):
        archive.check_packed(101, limits)
    with pytest.raises(ArchiveRefused, match="unpacks to 1001"):
        archive.check_unpacked([file("a", 1001)], limits)
    with pytest.raises(ArchiveRefused, match="too many files: 4"):
        archive.check_unpacked([file(str(i)) for i in range(4)], limits)
    with pytest.raises(ArchiveRefused, match="5 times"):
        archive.check_ratio([file("a", 501)], 100, limits)
