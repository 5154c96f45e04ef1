"""Python's garbage collector during a cold start: off while modules are imported, then blind to what they made.

Importing makes hundreds of thousands of objects and no garbage: the collections on the way are a tenth of the CPU time
of a start, and each full one later would go through all of it again, 27 ms in the middle of some request.
Importing this module turns the collector off; a function's module imports it first and calls ``resume`` last.
"""

import gc

gc.disable()


def resume() -> None:
    gc.freeze()
    gc.enable()
