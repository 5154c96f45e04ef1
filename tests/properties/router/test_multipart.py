"""Any form, cut anywhere, comes out as it went in; anything else is an error and nothing worse."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from router.uploader.multipart import MultipartError, MultipartParser, PartData, PartStart

BOUNDARY = b"b0undary"

#: Bytes that like to look like the boundary.
nasty = st.lists(st.sampled_from([b"\r", b"\n", b"-", b"\r\n--", b"\r\n--b0undar", b"x", b"--b0undary"])).map(b"".join)
fields = st.lists(st.tuples(st.sampled_from(["bits", "resources", "other"]), nasty | st.binary()), max_size=5)


def parsed(body: bytes, cuts: list[int]) -> list[tuple[str, bytes]]:
    parser, found = MultipartParser(BOUNDARY), []
    edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    for start, end in pairwise(edges):
        for event in parser.feed(body[start:end]):
            if isinstance(event, PartStart):
                found.append((event.name, b""))
            elif isinstance(event, PartData):
                found[-1] = (found[-1][0], found[-1][1] + event.data)
    parser.close()
    return found


@given(fields, st.lists(st.integers(0, 10_000), max_size=8))
def test_a_form_comes_out_as_it_went_in(form: list[tuple[str, bytes]], cuts: list[int]) -> None:
    form = [(name, data) for name, data in form if b"\r\n--" + BOUNDARY not in b"\r\n" + data]
    parts = [
        b"--" + BOUNDARY + f'\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + data + b"\r\n"
        for name, data in form
    ]
    assert parsed(b"".join(parts) + b"--" + BOUNDARY + b"--\r\n", cuts) == form


@given(nasty | st.binary(), st.lists(st.integers(0, 10_000), max_size=8))
def test_anything_else_is_an_error_and_nothing_worse(body: bytes, cuts: list[int]) -> None:
    try:
        parsed(b"--" + BOUNDARY + body, cuts)
    except MultipartError:
        pass
