"""Signatures: the documented vectors, and a code for each thing that can be wrong."""

import pytest

from shared.exchanges.sandbox.private.signing import Signatures, sign
from tests.support.private_world import PrivateWorld, private_world
from tests.support.signed_client import KEY, SECRET, signature

AT = 1_721_121_776_490
BODY = b'{"pair": "xrp_jpy", "price": "20", "amount": "1","side": "buy", "type": "limit"}'
PATH = "/v1/user/assets"
VECTORS = {
    ("window", "GET"): "9ec5745960d05573c8fb047cdd9191bd0c6ede26f07700bb40ecf1a3920abae8",
    ("window", "POST"): "7868665738ae3f8a796224e0413c1351ddd7ec2af121db12815c0a5b74b8764c",
    ("nonce", "GET"): "f957817b95c3af6cf5e2e9dfe1503ea8088f46879d4ab73051467fd7b94f1aba",
    ("nonce", "POST"): "8ef83c2b991765b18c95aade7678471747c06890a23a453c76238345b5c86fb8",
}
MODES = {
    "window": {"ACCESS-REQUEST-TIME": str(AT), "ACCESS-TIME-WINDOW": "1000"},
    "nonce": {"ACCESS-NONCE": str(AT)},
}


@pytest.mark.parametrize(("mode", "method"), VECTORS)
def test_the_documented_vectors_are_taken_over_http_and_no_other_byte_is(
    mode: str, method: str
) -> None:
    told = VECTORS[mode, method]
    target = PATH if method == "GET" else "/v1/user/spot/order"
    payload = PATH.encode() if method == "GET" else BODY
    prefix = "".join(MODES[mode].values())
    assert sign("hoge", prefix, payload) == told
    sent = {"ACCESS-KEY": KEY, "ACCESS-SIGNATURE": told, **MODES[mode]}
    with private_world(keys={KEY: "hoge"}, at=AT) as world:
        broken = {**sent, "ACCESS-SIGNATURE": told[:-1] + ("0" if told[-1] != "0" else "1")}
        body = b"" if method == "GET" else BODY
        assert world.client.send(method, target, body, broken).code == 20001
        answer = world.client.send(method, target, body, sent)
        if method == "GET":
            assert answer.json["success"] == 1
        else:  # signed rightly, and of a pair that nobody trades here
            assert answer.code == 40017
            assert world.client.send(method, target, body + b" ", sent).code == 20001


def code(world: PrivateWorld, headers: dict[str, str | None], *, secret: str = SECRET) -> int:
    at = world.clock.now_ms()
    sent = {
        "ACCESS-KEY": KEY,
        "ACCESS-REQUEST-TIME": str(at),
        "ACCESS-TIME-WINDOW": "5000",
        **headers,
    }
    known = {name: value for name, value in sent.items() if value is not None}
    prefix = known.get("ACCESS-REQUEST-TIME", known.get("ACCESS-NONCE", ""))
    if "ACCESS-REQUEST-TIME" in known:
        prefix += known.get("ACCESS-TIME-WINDOW", "")
    known.setdefault("ACCESS-SIGNATURE", signature(secret, prefix, PATH.encode()))
    told = world.client.send("GET", PATH, b"", known)
    return 0 if told.json["success"] else told.code


def moved(by_ms: int, window: str | None = "5000") -> dict[str, str | None]:
    return {"ACCESS-REQUEST-TIME": f"+{by_ms}", "ACCESS-TIME-WINDOW": window}


ONLY_NONCE: dict[str, str | None] = {"ACCESS-REQUEST-TIME": None, "ACCESS-TIME-WINDOW": None}
CASES: dict[str, tuple[dict[str, str | None], int]] = {
    "right": ({}, 0),
    "without a window, which is 5 s then": ({"ACCESS-TIME-WINDOW": None}, 0),
    "no key": ({"ACCESS-KEY": None}, 20003),
    "an empty key": ({"ACCESS-KEY": ""}, 20003),
    "an unknown key": ({"ACCESS-KEY": "someone"}, 20002),
    "an empty signature": ({"ACCESS-SIGNATURE": ""}, 20005),
    "a short signature": ({"ACCESS-SIGNATURE": "abc"}, 20005),
    "another's signature": ({"ACCESS-SIGNATURE": "0" * 64}, 20001),
    "no time, no nonce": (ONLY_NONCE, 20036),
    "a window without a time": ({"ACCESS-REQUEST-TIME": None}, 20033),
    "an empty nonce": ({**ONLY_NONCE, "ACCESS-NONCE": ""}, 20004),
    "a nonce": ({**ONLY_NONCE, "ACCESS-NONCE": "7"}, 0),
    "a nonce that is no number": ({**ONLY_NONCE, "ACCESS-NONCE": "x1"}, 20039),
    "a time that is no number": ({"ACCESS-REQUEST-TIME": "now"}, 20037),
    "a window that is no number": ({"ACCESS-TIME-WINDOW": "long"}, 20038),
    "a window of nothing": ({"ACCESS-TIME-WINDOW": "0"}, 20038),
    "a window of more than a minute": ({"ACCESS-TIME-WINDOW": "60001"}, 20038),
    "a time just not a second ahead": (moved(999), 0),
    "a time a second ahead": (moved(1000), 20034),
    "a time as old as the window": (moved(-5000), 0),
    "a time older than the window": (moved(-5001), 20035),
    "a time older than a small window": (moved(-11, "10"), 20035),
    "the window wins over a nonce": ({"ACCESS-NONCE": "x"}, 0),
}


@pytest.mark.parametrize("case", CASES)
def test_each_thing_that_is_wrong_with_a_signature_has_its_code(case: str) -> None:
    headers, wanted = CASES[case]
    with private_world() as world:
        time = headers.get("ACCESS-REQUEST-TIME")
        if time is not None and time[:1] in "+-" and time[1:2] in "-0123456789":
            headers = {**headers, "ACCESS-REQUEST-TIME": str(world.clock.now_ms() + int(time[1:]))}
        assert code(world, headers) == wanted, case
        assert world.sandbox.private.log[-1].code == (wanted or None)


def test_a_wrong_secret_is_refused_in_both_modes() -> None:
    with private_world() as world:
        assert code(world, {}, secret="another") == 20001
        assert code(world, {**ONLY_NONCE, "ACCESS-NONCE": "1"}, secret="another") == 20001
        assert code(world, {**ONLY_NONCE, "ACCESS-NONCE": "1"}) == 0  # a wrong one took no nonce


def test_a_nonce_only_grows_and_each_key_has_its_own() -> None:
    keys = Signatures({"a": "s", "b": "s"})

    def ask(key: str, nonce: int) -> int | None:
        told = {
            "access-key": key,
            "Access-Nonce": str(nonce),
            "ACCESS-SIGNATURE": sign("s", str(nonce), b"/v1/user/assets"),
        }
        return keys.find_refusal("GET", "/v1/user/assets", b"", told, now_ms=0)

    assert [ask("a", 5), ask("a", 5), ask("a", 4), ask("b", 5), ask("a", 6)] == [
        None, 20001, 20001, None, None,
    ]  # fmt: skip


def test_the_query_is_signed_as_it_was_sent() -> None:
    with private_world() as world:
        target = "/v1/user/spot/active_orders?pair=btc_jpy"
        right = world.client.headers(target.encode())
        assert world.client.send("GET", target, b"", right).json["success"] == 1
        other = world.client.headers(b"/v1/user/spot/active_orders")
        assert world.client.send("GET", target, b"", other).code == 20001


def test_without_v1_one_is_told_to_log_in() -> None:
    with private_world() as world:
        assert world.client.send("GET", "/user/assets", b"", {}).code == 20018
