import pytest

from router.uploader.multipart import (
    MAX_HEADER_BYTES,
    MAX_PARTS,
    MultipartError,
    MultipartParser,
    PartData,
    PartEnd,
    PartStart,
    boundary,
)


def part(name: str, data: bytes, more: str = "") -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + data + b"\r\n"


def parsed(body: bytes, step: int = 0) -> dict[str, bytes]:
    """Fields by name; ``step`` bytes at a time."""
    parser, found, name, ended = MultipartParser(b"b"), {}, "", 0
    for start in range(0, len(body), step or len(body) or 1):
        for event in parser.feed(body[start : start + (step or len(body))]):
            match event:
                case PartStart(name):
                    found[name] = b""
                case PartData(data):
                    assert data
                    found[name] += data
                case PartEnd():
                    ended += 1
    parser.close()
    assert ended == len(found)
    return found


BODY = part("resources", b"[]") + part("bits", b"\r\n--\r\n--c\r\n-", '; filename="p.zip"') + b"--b--\r\nepilogue"


@pytest.mark.parametrize("step", [0, 1, 2, 3, 7])
def test_fields_come_out_however_the_body_is_cut(step: int) -> None:
    assert parsed(b"preamble\r\n" + BODY, step) == {"resources": b"[]", "bits": b"\r\n--\r\n--c\r\n-"}


def test_an_empty_part_and_padding_after_the_boundary() -> None:
    body = b"--b \t\r\nContent-Disposition: form-data; name=bits\r\n\r\n\r\n--b-- "
    assert parsed(body) == {"bits": b""}


def test_a_name_may_be_bare_quoted_or_escaped() -> None:
    head = "Content-Type: text/plain\r\ncontent-disposition:form-data;filename=x; name="
    for spelled, name in (("bits", "bits"), ('"a b"', "a b"), (r'"a\"b"', 'a"b')):
        assert parsed(f"--b\r\n{head}{spelled}\r\n\r\nx\r\n--b--".encode()) == {name: b"x"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "last boundary"),
        (b"no boundary at all", "last boundary"),
        (part("bits", b"x"), "last boundary"),
        (b"--b\r\nContent-Disposition: form-data; name=bits\r\n\r\nx\r\n--", "last boundary"),
        (b"--bxy", "neither"),
        (b"--b\r\n\r\nx\r\n--b--", "name"),
        (b"--b\r\nContent-Disposition: attachment; name=x\r\n\r\nx\r\n--b--", "name"),
        (b"--b\r\nX: " + b"y" * MAX_HEADER_BYTES, "too large"),
        (b"--b" + b" " * MAX_HEADER_BYTES + b"  ", "does not end"),
        (part("x", b"") * (MAX_PARTS + 1), "more than"),
    ],
)
def test_what_is_no_form_is_named(body: bytes, says: str) -> None:
    with pytest.raises(MultipartError, match=says):
        parsed(body)


def test_memory_stays_bounded_whatever_comes() -> None:
    parser = MultipartParser(b"b")
    parser.feed(part("bits", b"")[:-2])
    for _ in range(100):
        parser.feed(b"\r\n--" * 1000)
        assert len(parser._buffer) < 100


def test_the_boundary_comes_from_the_content_type() -> None:
    assert boundary("multipart/form-data; boundary=abc") == b"abc"
    assert boundary('multipart/form-data; charset=utf-8; boundary="a b"') == b"a b"


@pytest.mark.parametrize(
    "content_type",
    [
        *[
            "",
            "application/zip",
            "multipart/form-data",
            "multipart/mixed; boundary=a",
            "multipart/form-data; boundary=",
        ],
        *["multipart/form-data; boundary=" + "x" * 201, "multipart/form-data; boundary=ü"],
    ],
)
def test_a_content_type_without_a_usable_boundary_is_named(content_type: str) -> None:
    with pytest.raises(MultipartError):
        boundary(content_type)
