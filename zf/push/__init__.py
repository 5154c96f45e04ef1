"""`zf push` in parts: manifest, files, fingerprints, archive, upload, staging, start."""
