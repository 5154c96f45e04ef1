"""Found by every interpreter of a platform that is measured (infra.cost.measure puts this folder on its path)."""

import os

if "ZF_COST_FOLDER" in os.environ:
    from infra.cost import recorder

    recorder.install(os.environ["ZF_COST_FOLDER"])
