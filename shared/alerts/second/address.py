"""Which second channel an address means."""

from shared.alerts.second.bounded import BoundedChannel


def second_channel(address: str, *, password: str = "") -> BoundedChannel:
    """The channel at an address: a mail server's, or `command:` and a line.

    >>> second_channel("command:notify-send -u critical")
    OwnCommand(notify-send)
    """
    if address.startswith("command:"):
        from shared.alerts.second.command import OwnCommand

        return OwnCommand(address.removeprefix("command:"))
    from shared.alerts.second.mail import Mail

    return Mail(address, password=password)
