import pytest

from chalicelib.core.variables import problems


@pytest.mark.parametrize("name", ["PORT", "VCAP_APPLICATION", "VMC_X", "", "A=B", "A\0"])
def test_reserved_and_impossible_names_are_refused(name: str) -> None:
    assert problems({name: "value"})


def test_values_must_be_texts_and_are_never_told() -> None:
    (sentence,) = problems({"TOKEN": 4711})
    assert "TOKEN" in sentence
    assert "4711" not in sentence
    assert "s3cr3t" not in "".join(problems({"TOKEN": "s3cr3t\0"}) + problems({"TOKEN": "s3cr3t\ud800"}))


def test_usual_variables_and_removals_are_right() -> None:
    assert problems({"A": "", "PORTS": "1", "vcap_x": "2", "GONE": None}) == []


def test_there_is_an_end_to_how_much_fits() -> None:
    assert problems({"A": "x" * 200_000})
    assert problems({f"V{i}": "x" for i in range(3000)})
