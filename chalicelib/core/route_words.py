"""Words for random routes: ``<app>-<adjective>-<animal>-<two letters>``. Pure; the caller brings the randomness."""

from collections.abc import Callable, Sequence

ADJECTIVES = """
active agile ample apt bold brave bright brisk busy calm chatty clever cool daring eager early fair fancy fast fine
fluent fond frank fresh funny gentle glad grand happy humble jolly keen kind lively loud lucky mellow merry mild neat
noble patient plucky polite proud quick quiet rapid ready relaxed shiny silly sleek smart snappy steady sunny swift
tidy turbulent wise witty zany
"""
ANIMALS = """
ant badger bat bear beaver bison bongo camel cat civet cougar crane deer dingo dog dolphin dove duck eagle eland elk
emu ferret finch fox frog gazelle gecko gibbon goose hare hawk hedgehog heron hyena ibex impala jackal jaguar koala
lemur leopard lion llama lynx mole moose mouse newt otter owl panda panther puma quokka rabbit raven seal shark
sparrow squirrel swan tiger toucan turtle wolf wombat zebra
"""
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def random_suffix(choose: Callable[[Sequence[str]], str]) -> str:
    """One of about three million."""
    return f"{choose(ADJECTIVES.split())}-{choose(ANIMALS.split())}-{choose(LETTERS)}{choose(LETTERS)}"
