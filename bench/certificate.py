"""A self-signed certificate for the loopback address, for the memory of TLS connections."""

import shutil
import subprocess
from pathlib import Path


def self_signed(directory: Path) -> tuple[Path, Path] | None:
    """Write certificate and key; return their paths, None where `openssl` is not installed."""
    program = shutil.which("openssl")
    if program is None:
        return None
    certificate, key = directory / "bench.crt", directory / "bench.key"
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [program, *request, *name, "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
        timeout=30,
    )
    return certificate, key
