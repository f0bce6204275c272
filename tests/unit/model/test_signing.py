import pytest

from shared.core.errors import BadSettings
from shared.core.settings import load_settings
from shared.model.signing import make_keys, public_key_path, public_keys, public_of, sign, verify


def test_a_pair_signs_and_only_its_public_half_verifies():
    private, public = make_keys()
    other = make_keys()[1]
    signature = sign(b"manifest", private)
    assert public_of(private) == public
    assert verify(b"manifest", signature, [public])
    assert verify(b"manifest", signature, [other, public])
    assert not verify(b"manifest", signature, [other])
    assert not verify(b"another", signature, [public])
    assert not verify(b"manifest", signature[:-1], [public])
    assert not verify(b"manifest", signature, [])


def test_equal_data_and_key_give_equal_signatures():
    assert sign(b"manifest", "33" * 32) == sign(b"manifest", "33" * 32)


def test_the_reference_vector_of_the_standard():
    """RFC 8032, section 7.1, test 2."""
    private = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
    assert public_of(private) == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert (
        sign(b"\x72", private).hex()
        == "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )


@pytest.mark.parametrize("key", ["", "zz" * 32, "11" * 31, "11" * 33])
def test_a_malformed_key_is_the_persons_to_correct(key):
    with pytest.raises(BadSettings, match="not an Ed25519 key"):
        sign(b"manifest", key)
    with pytest.raises(BadSettings, match="not an Ed25519 key"):
        verify(b"manifest", b"0" * 64, [key])


def test_pinned_keys_come_from_the_setting_then_from_the_data_folder(tmp_path):
    home = {"BOT_HOME": str(tmp_path)}
    assert public_keys(load_settings(home)) == ()
    path = public_key_path(load_settings(home))
    path.parent.mkdir()
    path.write_text("aa" * 32 + "\n", encoding="ascii")
    assert public_keys(load_settings(home)) == ("aa" * 32,)
    told = load_settings({**home, "BOT_BUNDLE_PUBLIC_KEY": f"{'bb' * 32}, {'cc' * 32}"})
    assert public_keys(told) == ("bb" * 32, "cc" * 32)


def test_a_key_file_that_is_no_text_is_named(tmp_path):
    settings = load_settings({"BOT_HOME": str(tmp_path)})
    public_key_path(settings).parent.mkdir()
    public_key_path(settings).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadSettings, match=r"bundle_public\.key cannot be read"):
        public_keys(settings)
