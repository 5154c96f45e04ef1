"""The promise of streaming: 10,000 files and 300 MB within 512 MB of memory, in a process of its own."""

import io
import json
import os
import subprocess
import sys
import zipfile

import pytest

from chalicelib.adapters.blobs import Blobs
from chalicelib.services.assembly import package_key

FILES, TOTAL_BYTES = 10_000, 300 * 1024**2
LIMIT_BYTES = 512 * 1024**2

CHILD = """
import json, sys, time
from chalicelib.adapters.blobs import Blobs
from chalicelib.services.assembly import assemble
begin = time.monotonic()
made = assemble(Blobs(sys.argv[1]), "large", "uploads/large", [])
# Not ru_maxrss: it survives exec and would tell the parent's size.
peak = next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"files": made.files, "size": made.size, "peak": peak, "seconds": time.monotonic() - begin}))
"""


@pytest.mark.slow
def test_a_package_of_10000_files_and_300_mb_fits_in_512_mb_of_memory(
    blobs: Blobs, capsys: pytest.CaptureFixture[str]
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        noise, large = os.urandom(20 * 1024), 12 * 1024**2
        for i in range(FILES - 8):
            target.writestr(f"dir{i % 100}/file{i}", i.to_bytes(4, "big") + noise)
        for i in range(8):
            target.writestr(f"large{i}", os.urandom(large))
    assert buffer.tell() > TOTAL_BYTES * 0.9
    blobs.put_bytes("uploads/large", buffer.getvalue())
    del buffer

    child = subprocess.run([sys.executable, "-c", CHILD, blobs.bucket], capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    result = json.loads(child.stdout)
    with capsys.disabled():
        print(f"\n{result['seconds']:.1f} s, peak {result['peak'] // 1024**2} MB")
    assert result["files"] == FILES
    assert result["peak"] < LIMIT_BYTES
    info = blobs.head(package_key("large"))
    assert info is not None
    assert info.size == result["size"]
