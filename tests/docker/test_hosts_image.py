"""The image of the stack as hosts in AWS get it."""

from infra.hosts.__main__ import stack_image


def test_the_image_of_the_stack_can_be_saved() -> None:
    assert next(iter(stack_image()))
