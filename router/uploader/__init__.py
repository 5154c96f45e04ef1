"""The uploader: takes what clients upload to the API's own host and streams it to S3."""
