"""The stack's list, and what decides whether the image is built again."""

from infra.stack.build import LIST, SETUP, digest, packages

TEXT = """\
# about it
[base *]
bash

# more
[java]
maven
[static *]
nginx
"""


def test_the_small_stack_has_the_marked_sections_and_the_whole_one_all_in_order() -> None:
    assert packages(TEXT, is_small=True) == ["bash", "nginx"]
    assert packages(TEXT, is_small=False) == ["bash", "maven", "nginx"]


def test_another_list_or_setup_is_another_image_and_a_comment_is_not() -> None:
    setup = SETUP.read_text()
    commented = packages(TEXT.replace("# more", "# less"), is_small=False)
    assert digest(commented, setup) == digest(packages(TEXT, is_small=False), setup)
    assert digest(commented[:-1], setup) != digest(commented, setup) != digest(commented, f"{setup}\n")


def test_the_stack_has_what_buildpacks_expect() -> None:
    whole, small = (packages(LIST.read_text(), is_small) for is_small in (False, True))
    assert {"bash", "curl", "git", "unzip", "python3"} <= set(small) < set(whole)
    assert {"nodejs", "ruby", "default-jdk-headless", "php-fpm", "erlang-base", "golang-go"} <= set(whole)
    assert len(whole) == len(set(whole))
