import stat

import pytest

from models.jobs.keys import VARIABLE, signing_key
from shared.core.errors import BadSettings, UserError
from shared.core.settings import load_settings
from shared.model.signing import public_key_path, public_keys, public_of, signing_key_path
from tests.support.made_trainings import OTHER_KEY, SIGNING_KEY


def settings_in(folder, **more: str):
    return load_settings({"BOT_HOME": str(folder), **more})


def test_the_pair_is_made_on_first_use_for_its_owner_only_and_kept(tmp_path):
    settings = settings_in(tmp_path)
    private = signing_key(settings, {})
    assert public_keys(settings) == (public_of(private),)
    assert stat.S_IMODE(signing_key_path(settings).stat().st_mode) == 0o600
    assert signing_key(settings, {}) == private
    assert sorted(path.name for path in signing_key_path(settings).parent.iterdir()) == [
        "bundle_public.key",
        "bundle_signing.key",
    ]


def test_a_key_of_the_environment_is_used_and_pinned_where_nothing_is(tmp_path):
    settings = settings_in(tmp_path)
    assert signing_key(settings, {VARIABLE: SIGNING_KEY}) == SIGNING_KEY
    assert public_keys(settings) == (public_of(SIGNING_KEY),)
    assert not signing_key_path(settings).exists()


def test_a_key_that_the_bot_would_not_trust_is_refused_with_the_public_half_to_pin(tmp_path):
    settings = settings_in(tmp_path, BOT_BUNDLE_PUBLIC_KEY=public_of(OTHER_KEY))
    with pytest.raises(BadSettings, match="does not belong to any pinned public key") as caught:
        signing_key(settings, {VARIABLE: SIGNING_KEY})
    assert public_of(SIGNING_KEY) in caught.value.remedy


def test_a_malformed_key_is_refused(tmp_path):
    with pytest.raises(BadSettings, match="signing key"):
        signing_key(settings_in(tmp_path), {VARIABLE: "not hex"})


def test_a_lost_public_half_is_written_again(tmp_path):
    settings = settings_in(tmp_path)
    private = signing_key(settings, {})
    public_key_path(settings).unlink()
    assert signing_key(settings, {}) == private
    assert public_keys(settings) == (public_of(private),)


def test_a_data_folder_that_is_a_file_is_the_persons_to_correct(tmp_path):
    home = tmp_path / "home.txt"
    home.write_text("not a folder", encoding="ascii")
    with pytest.raises(UserError):
        signing_key(settings_in(home), {})
