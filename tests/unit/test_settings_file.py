"""Settings: what is wrong is named by file, key and remedy, and secrets never show."""

import re
from pathlib import Path

import pytest

from config.settings import ImapSource, Secret, SettingsError, load_settings

SHIPPED = Path("config/office.toml")


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "intake.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_example_is_valid_and_shows_every_key() -> None:
    """What the operator copies must load, and a key that it does not show would be a secret of ours."""
    import msgspec

    from config import settings as module

    text = SHIPPED.read_text(encoding="utf-8")
    tables = [one for one in vars(module).values() if isinstance(one, type) and issubclass(one, msgspec.Struct)]
    keys = {field.encode_name for one in tables for field in msgspec.structs.fields(one)}

    load_settings(SHIPPED)
    shown = re.findall(r"^\[+(?:\w+\.)?(\w+)\]", text, re.MULTILINE)
    missing = [key for key in keys if f"{key} =" not in text and key not in shown]
    assert missing == []


@pytest.mark.parametrize(
    ("text", "named", "remedy"),
    [
        ("[smtp]\nprot = 1", "smtp.prot", "port"),
        ('[[source]]\nkind = "imap"\nhots = "a"', "hots", "host"),
        ('[smtp]\nport = "x"', "smtp.port", "kind"),
        ("[office\n", "TOML", "quotes"),
        ('[office]\ntime_zone = "Mars/Base"', "time_zone", "Asia/Ho_Chi_Minh"),
        ('[smtp]\nhost = "mail.example"\ntls = "none"', "none", "required"),
        ('[[source]]\nkind = "imap"\n[[source]]\nkind = "folder"\nname = "mailbox"', "mailbox", "name"),
    ],
)
def test_a_wrong_setting_names_file_key_and_remedy(tmp_path: Path, text: str, named: str, remedy: str) -> None:
    """The administrator has little time: the message says where and what to write instead."""
    path = written(tmp_path, text)

    with pytest.raises(SettingsError) as wrong:
        load_settings(path)

    assert str(path) in str(wrong.value)
    assert named in str(wrong.value)
    assert remedy in wrong.value.remedy


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """The service may be started from anywhere."""
    settings = load_settings(written(tmp_path, '[vault]\nurl = "file:v"\n[campaign]\nfile = "c.toml"'))

    assert settings.vault.url == f"file:{tmp_path}/v"
    assert settings.campaign_file == tmp_path / "c.toml"


def test_a_secret_never_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither printing, formatting nor the settings' own text gives a password away."""
    monkeypatch.setenv("INTAKE_IMAP_PASSWORD", "hunter2")
    settings = load_settings(written(tmp_path, '[[source]]\nkind = "imap"\nuser = "u"'))
    source = settings.sources[0]

    assert isinstance(source, ImapSource)
    assert source.password.reveal() == "hunter2"
    assert "hunter2" not in f"{source.password} {source.password!r} {settings} {source}"


def test_an_empty_secret_says_where_it_should_be() -> None:
    """The message names the variable, never a content."""
    with pytest.raises(SettingsError, match="NOBODY_SET_THIS"):
        Secret(env="NOBODY_SET_THIS").reveal()
