"""What a token looks like: scanners find it, people see whose it is, and a damaged one is told from an unknown one."""

import re
import string

import pytest

from service.wire.tokens import PATTERN, Role, hint_of, is_damaged, mint

ROLES: tuple[Role, ...] = ("admin", "member", "viewer", "worker")


@pytest.mark.parametrize("role", ROLES)
def test_a_token_says_its_role_and_holds_256_random_bits(role: Role) -> None:
    tokens = {mint(role) for _ in range(50)}
    assert len(tokens) == 50
    assert all(re.fullmatch(PATTERN, token) and token.startswith(f"rl_{role}_") for token in tokens)
    assert not any(is_damaged(token) for token in tokens)
    random_digits = len(tokens.pop().rpartition("_")[2]) - 6
    assert 62**random_digits >= 2**256


def test_every_wrong_character_and_every_missing_one_is_noticed() -> None:
    token = mint("member")
    for place in range(len("rl_"), len(token)):
        other = "x" if token[place] != "x" else "y"
        assert is_damaged(token[:place] + other + token[place + 1 :]), place
        assert is_damaged(token[:place]), place
    assert is_damaged(f"{token} ")


@pytest.mark.parametrize("token", ["", "x" * 40, "0123456789abcdef" * 4, string.printable])
def test_tokens_that_people_chose_themselves_are_not_damaged_and_show_nothing(token: str) -> None:
    assert not is_damaged(token)
    assert hint_of(token) is None


def test_what_is_shown_of_a_token_finds_it_and_leaves_232_bits_unknown() -> None:
    token = mint("worker")
    hint = hint_of(token)
    assert hint is not None
    assert token.startswith(hint)
    assert len(hint) == len("rl_worker_") + 4
    assert hint_of(token[:-1]) is None
