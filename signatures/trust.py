"""The operator's trust folder: which certificate authorities the office believes, and the revocation lists it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TrustStore:
    """
    CA certificates and CRLs the operator placed in the trust folders, as DER, each once.

    Self-signed certificates are `anchors`, all others `intermediates`: those only help to build a path and are
    never believed by themselves. `crls` need no trust of their own, because each is verified by its issuer's key.
    """

    anchors: tuple[bytes, ...] = ()
    intermediates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()

    @classmethod
    def load(cls, folders: Sequence[Path]) -> TrustStore:
        """
        Read every certificate, .p7b bundle and CRL (PEM or DER) of `folders`.

        Raises OfficeError with the remedy for a folder that does not exist and for a file that is none of these;
        README and TOML files and hidden files are passed over.
        """
        raise NotImplementedError
