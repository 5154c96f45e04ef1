"""``pytest -p infra.iam.plugin``: the calls of the tests' own process are recorded where ZF_IAM_RECORD says."""

import os

from infra.iam import recorder

if folder := os.environ.get(recorder.VARIABLE):
    recorder.install(folder)
