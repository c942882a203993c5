"""The demonstration office: a throw-away PKI, sample submissions, a mailbox and a mail sink on loopback."""
