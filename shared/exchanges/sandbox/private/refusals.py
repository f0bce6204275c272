"""What an endpoint says no with: bitbank's code."""

ALREADY_CANCELED = 50026
ALREADY_EXECUTED = 50027
AMOUNTLESS = 30001
BUSY = 10008
EXCEEDS_POSITION = 50062
INSUFFICIENT_FUNDS = 60001
INVALID_AMOUNT = 40001
INVALID_PAIR = 40017
MALFORMED = 10002
ORDER_NOT_FOUND = 50009
STOP_OPENS = 40200
TOO_FREQUENT = 10009
TOO_MANY_ORDERS = 60011
TRIGGERS_AT_ONCE = 60018
WRONG_SIDE = 60019


class Refused(Exception):
    """The request is answered with an error; nothing was changed."""

    def __init__(self, code: int) -> None:
        """Give bitbank's `code`."""
        super().__init__(str(code))
        self.code = code
