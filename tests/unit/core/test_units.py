import pytest

from chalicelib.core.units import MAX_MEMORY_MB, parse_bytes, parse_log_rate, parse_mb


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1M", 1),
        ("1m", 1),
        ("512MB", 512),
        ("1G", 1024),
        ("1 gb", 1024),
        ("2048K", 2),
        ("2097152B", 2),
        ("1TB", 1 << 20),
    ],
)
def test_sizes_in_any_unit_become_megabytes(text: str, expected: int) -> None:
    assert parse_mb(text, MAX_MEMORY_MB) == expected


@pytest.mark.parametrize(
    "size", ["", "1", "M", "1.5G", "-1M", "1P", "1 M B", "٣M", None, 7, True, ["1M"], "9" * 30 + "M"]
)
def test_what_is_no_size_names_the_units(size: object) -> None:
    with pytest.raises(ValueError, match="must use a supported unit: B, K, KB, M, MB, G, GB, T, or TB"):
        parse_mb(size, MAX_MEMORY_MB)


def test_sizes_out_of_bounds_are_refused() -> None:
    with pytest.raises(ValueError, match="greater than 0MB"):
        parse_mb("1023K", MAX_MEMORY_MB)
    with pytest.raises(ValueError, match="less than or equal to 1048576MB"):
        parse_mb("99999G", MAX_MEMORY_MB)


def test_a_log_rate_may_be_without_limit() -> None:
    assert [parse_log_rate(rate) for rate in ("-1", -1, 0, "16K")] == [-1, -1, 0, 16384]
    assert parse_bytes("16k") == 16384
    for rate in (True, "fast", 16, None):
        with pytest.raises(ValueError, match="supported unit"):
            parse_log_rate(rate)
