"""Package assembly against a real S3 over HTTP."""

from tests.functional import s3

blobs, endpoint = s3.blobs, s3.endpoint
