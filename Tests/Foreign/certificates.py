"""Certificates for localhost, made by openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Identity:
    """Paths of PEM files: an authority, a certificate that it has issued, and that one's key."""

    authority: Path
    certificate: Path
    key: Path


def issue(folder: Path) -> Identity:
    """Makes all three anew. The certificate serves both sides of a connection."""

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=authority")
    openssl("req", *new_key, "-keyout", "key.pem", "-out", "request.pem", *names)
    signed_by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-copy_extensions", "copy"]
    openssl("x509", "-req", "-in", "request.pem", *signed_by, "-days", "2", "-out", "cert.pem")
    return Identity(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
