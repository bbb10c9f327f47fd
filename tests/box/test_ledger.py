from __future__ import annotations

import threading

import numpy as np

from edge.box.monitoring.frame_accounting import Balance, FrameLedger
from edge.types import Registration, RegistrationState, RejectionReason

GOOD = Registration(RegistrationState.VERIFIED, field_from_image=np.eye(3))
MENDED = Registration(RegistrationState.REFINED, field_from_image=np.eye(3), dense_ran=True)
LOST = Registration(RegistrationState.LOST, RejectionReason.NO_FIELD, dense_ran=True, cut=True)


def test_states_reasons_and_shares_are_counted():
    ledger = FrameLedger()
    for registration in (GOOD, GOOD, MENDED, LOST):
        ledger.add(registration)
    assert ledger.states() == {"verified": 2, "refined": 1, "tracked": 0, "held": 0, "lost": 1}
    assert ledger.reasons() == {"no_field": 1}
    assert (ledger.processed, ledger.cuts, ledger.dense_share) == (4, 1, 0.5)


def test_an_empty_ledger_divides_by_nothing():
    assert FrameLedger().dense_share == 0.0


def test_counts_from_several_threads_are_all_there():
    ledger = FrameLedger()

    def add_many() -> None:
        for _ in range(2000):
            ledger.add(GOOD)

    threads = [threading.Thread(target=add_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.processed == 8000


def test_a_balance_tells_what_is_unaccounted_for():
    assert Balance(10, 7, {"overrun": 2, "corrupt": 1}).unaccounted == 0
    assert Balance(10, 7, {"overrun": 2}).unaccounted == 1
