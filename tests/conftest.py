"""The environment of all tests: names, credentials and timers of a cloud that is nobody's.

Set before anything of the control plane is imported, because table names are made at import.
"""

import os
import signal

# A runner that was started in the background ignores Ctrl-C, and so would every command that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.update(
    {
        "ZF_PREFIX": "test",
        "ZF_PROFILE": "local",
        "ZF_ACCOUNT": "123456789012",
        "ZF_DOMAIN": "localhost",
        "ZF_EXTERNAL_PORT": "8080",
        "ZF_EXTERNAL_SCHEME": "http",
        "ZF_DEA_ROLE_ARN": "arn:aws:iam::123456789012:role/test-dea-joined",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        # Nobody looks for credentials or a region anywhere else.
        "AWS_EC2_METADATA_DISABLED": "true",
    }
)
os.environ.pop("AWS_PROFILE", None)
