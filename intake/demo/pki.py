"""A throw-away certificate authority, shaped like the government's, for demonstrations and tests; it proves nothing."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from config.errors import OfficeError

# What the real names look like is described by the published certificates; every name here says that it is a trial.
PROVINCE = "Bình Thuận"
PROVINCE_COMMITTEE = "ỦY BAN NHÂN DÂN TỈNH BÌNH THUẬN"
ROOT_NAME = "RootCA chuyên dùng THỬ NGHIỆM (DEMO)"
SUB_NAME = "CA THỬ NGHIỆM phục vụ các cơ quan (DEMO)"
AUTHORITY = "Cơ quan chứng thực THỬ NGHIỆM (DEMO)"

# The one policy that organisation certificates of the second generation carry.
_POLICY = x509.ObjectIdentifier("2.16.704.1.1.1.1.1")
_SMARTCARD_LOGON = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.2")

# 2048 bits is what the decoded government certificates carry, and the least that today's validators accept.
_RSA_BITS = 2048

KeyKind = Literal["rsa", "ec"]
Issuer = Literal["root", "sub"]
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its private key; `label` is the name under which the authority keeps it."""

    label: str
    certificate: x509.Certificate
    key: PrivateKey

    @property
    def certificate_der(self) -> bytes:
        """Return the certificate as DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def common_name(self) -> str:
        """Return the holder's name as the certificate gives it."""
        return str(asn1_x509.Certificate.load(self.certificate_der).subject.native["common_name"])

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the certificate, hex in small letters, as a roster pins it."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()


@dataclass(frozen=True, slots=True)
class Revocation:
    """One line of a revocation list: whose certificate, by whom issued, since when."""

    serial: int
    issuer: Issuer
    at: datetime


class DemoPki:
    """
    A root, a subordinate authority, and all that they issued; made anew or loaded from a folder.

    Everything is signed with SHA-256. Authorities and the time stamper have RSA keys as the real ones do; holders get
    elliptic keys unless asked otherwise, because an RSA key costs a tenth of a second and a test needs many.
    """

    def __init__(
        self, root: Identity, sub: Identity, now: datetime, identities: dict[str, Identity], revoked: list[Revocation]
    ) -> None:
        self.root = root
        self.sub = sub
        self._now = now
        self._identities = identities
        self._revoked = revoked

    @classmethod
    def create(cls, now: datetime) -> DemoPki:
        """Return a fresh authority whose certificates have been valid for years at `now` (aware)."""
        root_key = _new_key("rsa")
        root_subject = _authority_name(ROOT_NAME)
        root_certificate = (
            _started(
                root_subject, root_subject, root_key, now - timedelta(days=8 * 365), now + timedelta(days=20 * 365)
            )
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_authority_usage(), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
            .sign(root_key, hashes.SHA256())
        )
        root = Identity("root", root_certificate, root_key)
        sub_key = _new_key("rsa")
        sub_certificate = (
            _started(
                _authority_name(SUB_NAME),
                root_subject,
                sub_key,
                now - timedelta(days=8 * 365),
                now + timedelta(days=18 * 365),
            )
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_authority_usage(), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(sub_key.public_key()), critical=False)
            .add_extension(_authority_key(root), critical=False)
            .add_extension(_crl_address("root"), critical=False)
            .sign(root_key, hashes.SHA256())
        )
        return cls(root, Identity("sub", sub_certificate, sub_key), now, {}, [])

    def issue_person(
        self,
        name: str,
        organization: str = PROVINCE_COMMITTEE,
        units: Sequence[str] = (),
        email: str | None = None,
        *,
        label: str | None = None,
        key: KeyKind = "ec",
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        usage: Literal["usual", "non_repudiation_only"] = "usual",
    ) -> Identity:
        """
        Issue a person's certificate: C, L, O, the units as OU, then the name in mixed case, the address as SAN.

        By default it has been valid for a year and will be for four (10 years is the real custom for persons).
        """
        subject = _holder_name(organization, units, name)
        return self._issue(
            label or name, subject, email, key, not_before, not_after, _holder_usage(usage), policy=False
        )

    def issue_organisation(
        self,
        name: str,
        organization: str = PROVINCE_COMMITTEE,
        units: Sequence[str] = (),
        email: str | None = None,
        *,
        label: str | None = None,
        key: KeyKind = "ec",
        generation: Literal[1, 2] = 2,
        tax_code: str | None = None,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
    ) -> Identity:
        """
        Issue an organisation's certificate, the digital seal.

        Generation 2 writes the name in capitals and carries the policy; generation 1 keeps the case and has no policy
        but may bear `tax_code` as UID "MST:…".
        """
        common_name = name.upper() if generation == 2 else name
        user_id = f"MST:{tax_code}" if tax_code else None
        subject = _holder_name(organization, units, common_name, user_id)
        return self._issue(
            label or name, subject, email, key, not_before, not_after, _holder_usage("usual"), policy=generation == 2
        )

    def issue_tsa(self, name: str = "Dịch vụ cấp dấu thời gian THỬ NGHIỆM (DEMO)", *, label: str = "tsa") -> Identity:
        """Issue the time stamper's certificate (RSA); its one purpose is marked critical (RFC 3161, 2.3)."""
        builder = (
            self._leaf(_authority_name(name), tsa_key := _new_key("rsa"), None, None)
            .add_extension(_holder_usage("non_repudiation_only"), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        )
        return self._keep(Identity(label, builder.sign(self.sub.key, hashes.SHA256()), tsa_key))

    def identity(self, label: str) -> Identity:
        """Return what was issued under `label`; KeyError if nothing was."""
        return self._identities[label]

    def labels(self) -> tuple[str, ...]:
        """Return the labels of all holders, in the order of issue."""
        return tuple(self._identities)

    def revoke(self, identity: Identity, at: datetime) -> None:
        """Put the certificate on its issuer's next list, revoked since `at` (aware)."""
        issuer: Issuer = "root" if identity.certificate.issuer == self.root.certificate.subject else "sub"
        self._revoked.append(Revocation(identity.certificate.serial_number, issuer, at.astimezone(UTC)))

    def crl(self, this_update: datetime, next_update: datetime, *, issuer: Issuer = "sub") -> bytes:
        """Return the issuer's revocation list as DER, current between the two moments (aware)."""
        authority = self.sub if issuer == "sub" else self.root
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(authority.certificate.subject)
            .last_update(this_update.astimezone(UTC))
            .next_update(next_update.astimezone(UTC))
            .add_extension(x509.CRLNumber(int(this_update.timestamp())), critical=False)
            .add_extension(_authority_key(authority), critical=False)
        )
        for line in self._revoked:
            if line.issuer == issuer:
                builder = builder.add_revoked_certificate(
                    x509.RevokedCertificateBuilder()
                    .serial_number(line.serial)
                    .revocation_date(line.at)
                    .add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False)
                    .build()
                )
        return builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def write_trust(
        self, folder: Path, *, this_update: datetime | None = None, next_update: datetime | None = None
    ) -> None:
        """
        Write what an operator would put into the trust folder: both authorities (PEM) and both lists (DER).

        The lists are current from a day before the authority's own "now" for 400 days unless told otherwise.
        """
        folder.mkdir(parents=True, exist_ok=True)
        begin = this_update or self._now - timedelta(days=1)
        end = next_update or begin + timedelta(days=400)
        for authority in (self.root, self.sub):
            (folder / f"demo-{authority.label}.crt").write_bytes(
                authority.certificate.public_bytes(serialization.Encoding.PEM)
            )
        (folder / "demo-root.crl").write_bytes(self.crl(begin, end, issuer="root"))
        (folder / "demo-sub.crl").write_bytes(self.crl(begin, end, issuer="sub"))

    def save(self, folder: Path) -> None:
        """Write everything, private keys included, so that `load` can continue; readable for the owner only."""
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        entries = []
        for number, identity in enumerate([self.root, self.sub, *self._identities.values()]):
            file = folder / f"{number:03}.pem"
            file.touch(mode=0o600)
            file.write_bytes(
                identity.certificate.public_bytes(serialization.Encoding.PEM)
                + identity.key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
            )
            entries.append({"label": identity.label, "file": file.name})
        state = {
            "now": self._now.isoformat(),
            "identities": entries,
            "revoked": [{"serial": str(r.serial), "issuer": r.issuer, "at": r.at.isoformat()} for r in self._revoked],
        }
        # The state is written last and renamed into place: without it the folder does not count as an authority.
        draft = folder / "state.json.part"
        draft.write_text(json.dumps(state, ensure_ascii=False, indent=1), encoding="utf-8")
        draft.replace(folder / "state.json")

    @classmethod
    def load(cls, folder: Path) -> DemoPki:
        """Return the authority that `save` wrote; raises OfficeError if the folder holds none that can be read."""
        try:
            state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
            everyone = [_read_identity(folder / entry["file"], entry["label"]) for entry in state["identities"]]
            revoked = [
                Revocation(int(line["serial"]), line["issuer"], datetime.fromisoformat(line["at"]))
                for line in state["revoked"]
            ]
            now = datetime.fromisoformat(state["now"])
        except (OSError, ValueError, KeyError, TypeError) as cause:
            raise OfficeError("DEMO_PKI_UNREADABLE", folder=folder, why=cause, parent=folder.parent) from cause
        root, sub, *others = everyone
        return cls(root, sub, now, {identity.label: identity for identity in others}, revoked)

    def _issue(
        self,
        label: str,
        subject: x509.Name,
        email: str | None,
        key_kind: KeyKind,
        not_before: datetime | None,
        not_after: datetime | None,
        usage: x509.KeyUsage,
        *,
        policy: bool,
    ) -> Identity:
        key = _new_key(key_kind)
        builder = (
            self._leaf(subject, key, not_before, not_after)
            .add_extension(usage, critical=True)
            .add_extension(
                x509.ExtendedKeyUsage(
                    [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.EMAIL_PROTECTION, _SMARTCARD_LOGON]
                ),
                critical=False,
            )
        )
        if email:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(email)]), critical=False)
        if policy:
            builder = builder.add_extension(
                x509.CertificatePolicies([x509.PolicyInformation(_POLICY, None)]), critical=False
            )
        return self._keep(Identity(label, builder.sign(self.sub.key, hashes.SHA256()), key))

    def _leaf(
        self, subject: x509.Name, key: PrivateKey, not_before: datetime | None, not_after: datetime | None
    ) -> x509.CertificateBuilder:
        return (
            _started(
                subject,
                self.sub.certificate.subject,
                key,
                not_before or self._now - timedelta(days=365),
                not_after or self._now + timedelta(days=4 * 365),
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(_authority_key(self.sub), critical=False)
            .add_extension(_crl_address("sub"), critical=False)
        )

    def _keep(self, identity: Identity) -> Identity:
        if identity.label in self._identities:
            raise ValueError(f"the label {identity.label!r} is taken; give another one")
        self._identities[identity.label] = identity
        return identity


def _new_key(kind: KeyKind) -> PrivateKey:
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    return ec.generate_private_key(ec.SECP256R1())


def _started(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, not_before: datetime, not_after: datetime
) -> x509.CertificateBuilder:
    # Second-generation serial numbers have eight bytes; the top bit stays clear so that they are positive.
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number() >> 96)
        .not_valid_before(not_before.astimezone(UTC))
        .not_valid_after(not_after.astimezone(UTC))
    )


def _authority_name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, AUTHORITY),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _holder_name(organization: str, units: Sequence[str], common_name: str, user_id: str | None = None) -> x509.Name:
    parts = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
        x509.NameAttribute(NameOID.LOCALITY_NAME, PROVINCE),
        _long(NameOID.ORGANIZATION_NAME, organization),
        *(_long(NameOID.ORGANIZATIONAL_UNIT_NAME, unit) for unit in units),
        _long(NameOID.COMMON_NAME, common_name),
    ]
    if user_id:
        parts.append(x509.NameAttribute(NameOID.USER_ID, user_id))
    return x509.Name(parts)


def _long(kind: x509.ObjectIdentifier, value: str) -> x509.NameAttribute[str]:
    # X.520 gives these names 64 characters. The library counts 64 bytes, which the marks of Vietnamese exceed early,
    # and only warns when told not to check; so the check is ours, and a longer name is cut as real tools do.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return x509.NameAttribute(kind, value[:64], _validate=False)


def _holder_usage(kind: Literal["usual", "non_repudiation_only"]) -> x509.KeyUsage:
    usual = kind == "usual"
    return x509.KeyUsage(
        digital_signature=usual,
        content_commitment=True,
        key_encipherment=usual,
        data_encipherment=usual,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_key(authority: Identity) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.certificate.public_key())  # type: ignore[arg-type]


def _crl_address(issuer: Issuer) -> x509.CRLDistributionPoints:
    # A reserved name that never resolves (RFC 2606): whoever judges must take the list from the trust folder.
    address = x509.UniformResourceIdentifier(f"http://ca.demo.invalid/pki/pub/crl/{issuer}.crl")
    return x509.CRLDistributionPoints([x509.DistributionPoint([address], None, None, None)])


def _read_identity(file: Path, label: str) -> Identity:
    pem = file.read_bytes()
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ValueError(f"{file.name} holds a key of another kind")
    return Identity(label, x509.load_pem_x509_certificate(pem), key)
