"""The key of the tokens' hashes: made once, kept from others, and never quietly another one."""

import hashlib
import hmac
import threading
from pathlib import Path

import pytest

from service.errors import StartupError
from service.settings import Settings
from service.token_key import TokenKey


def test_a_stored_hash_needs_the_key_and_is_made_of_what_version_0_1_stored() -> None:
    secret, token = "s" * 32, "a token"
    key = TokenKey(secret)
    plain = hashlib.sha256(token.encode()).hexdigest()
    assert key.digest(token) == hmac.new(secret.encode(), plain.encode(), "sha256").hexdigest()
    assert key.wrap(plain) == key.digest(token)
    other = TokenKey("t" * 32)
    assert other.digest(token) != key.digest(token)
    assert (other.id != key.id, len(key.id)) == (True, 16)


def test_processes_that_start_at_once_make_one_key_that_only_their_user_can_read(tmp_path: Path) -> None:
    path = tmp_path / "data" / "token-key"
    found: list[str] = []
    starting = threading.Barrier(8)

    def start() -> None:
        starting.wait(10)
        found.append(TokenKey.made(path).id)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(found), len(set(found))) == (8, 1)
    assert [made.name for made in path.parent.iterdir()] == ["token-key"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_text().strip()) == 64


def test_a_key_that_the_settings_name_is_never_made(tmp_path: Path) -> None:
    named = tmp_path / "shared-key"
    settings = Settings(data_dir=tmp_path / "data", token_key_file=named)
    with pytest.raises(
        StartupError, match=r"shared-key, cannot be read \(No such file.*openssl rand -hex 32"
    ) as refused:
        TokenKey.of(settings)
    assert "\n" not in str(refused.value)
    named.write_text("short\n")
    with pytest.raises(StartupError, match="shorter than 32 characters"):
        TokenKey.of(settings)
    named.write_bytes(b"\xff" * 64)
    with pytest.raises(StartupError, match="it is no text"):
        TokenKey.of(settings)
    named.write_text("k" * 32 + "\n")
    assert TokenKey.of(settings).id == TokenKey("k" * 32).id
    assert not settings.data_dir.exists()


def test_a_key_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StartupError, match=r"token-key, cannot be written \(File exists"):
        TokenKey.made(tmp_path / "file" / "token-key")
