"""Invariants of what each kind of transaction may book. Each function is a query that finds the rows which break one."""

from __future__ import annotations

from sqlalchemy import Select, and_, case, func, literal, not_, or_, select

from raseed.adapters.sql.ledger.invariants_books import DEBT_ACCOUNTS, finding
from raseed.adapters.sql.ledger.tables import grants, ledger_entries, ledger_tx
from raseed.core.billing.ledger_moves import BREAKAGE, HOUSELOSS
from raseed.core.billing.ledger_state import LedgerTxKind
from raseed.core.billing.ledger_taking import CLAWBACK

_ISSUED = "sys:issued:%"
_GRANTS = "cust:%:grant:%"
_OF_CHARGES = (_GRANTS, DEBT_ACCOUNTS, "sys:consumed:%", HOUSELOSS, BREAKAGE)
_MAY_BOOK: dict[LedgerTxKind, tuple[str, ...]] = {
    "grant": (_ISSUED, _GRANTS, DEBT_ACCOUNTS),
    "settle": _OF_CHARGES,
    "sweep": _OF_CHARGES,
    "release": (_GRANTS, BREAKAGE),
    "expire": (_GRANTS, BREAKAGE),
    "adjust": (_GRANTS, CLAWBACK),
    "void": (_GRANTS, CLAWBACK),
    "claim": (_GRANTS, CLAWBACK, DEBT_ACCOUNTS),
    "waive": (_GRANTS, CLAWBACK, HOUSELOSS),
    "repay": (_GRANTS, DEBT_ACCOUNTS),
}


def kind_books_its_accounts() -> Select[str, str]:
    """Only the ledger accounts that a transaction of its kind moves, and of customers only its own."""
    account = ledger_entries.c.ledger_account
    allowed = or_(
        *(
            and_(ledger_tx.c.kind == kind, or_(*(account.like(pattern) for pattern in patterns)))
            for kind, patterns in _MAY_BOOK.items()
        )
    )
    own = literal("cust:").concat(ledger_tx.c.account_id).concat(":%")
    return (
        finding(ledger_tx.c.id, ledger_tx.c.kind, " books to ", account)
        .join_from(ledger_tx, ledger_entries, ledger_entries.c.tx_id == ledger_tx.c.id)
        .where(or_(not_(allowed), and_(account.like("cust:%"), not_(account.like(own)))))
    )


def debt_moves_as_its_kind_says() -> Select[str, str]:
    """Charges and claims add to what is owed, grants and repayments take from it."""
    account, amount = ledger_entries.c.ledger_account, ledger_entries.c.amount_microcredits
    repays = ledger_tx.c.kind.in_(["grant", "repay"])
    return (
        finding(ledger_tx.c.id, ledger_tx.c.kind, " moves the debt by ", amount)
        .join_from(ledger_tx, ledger_entries, ledger_entries.c.tx_id == ledger_tx.c.id)
        .where(account.like(DEBT_ACCOUNTS), or_(and_(repays, amount <= 0), and_(not_(repays), amount >= 0)))
    )


def claim_takes_one_grant_and_books_one_rest() -> Select[str, str]:
    """What it asks for is taken from the grant that it is about; the rest is left, owed or the house's, whole."""
    account, amount = ledger_entries.c.ledger_account, ledger_entries.c.amount_microcredits
    asks = func.sum(case((and_(account == CLAWBACK, amount > 0), 1), else_=0))
    rests = func.sum(case((and_(amount < 0, ledger_entries.c.grant_id.is_(None)), 1), else_=0))
    strange = func.sum(case((ledger_entries.c.grant_id != ledger_tx.c.ref, 1), else_=0))
    return (
        finding(ledger_tx.c.id, asks, " asked, ", rests, " rests, of other grants ", strange)
        .join_from(ledger_tx, ledger_entries, ledger_entries.c.tx_id == ledger_tx.c.id)
        .where(ledger_tx.c.kind.in_(["claim", "waive"]))
        .group_by(ledger_tx.c.id)
        .having(or_(asks != 1, rests > 1, strange > 0))
    )


def grant_amount_equals_issue() -> Select[str, str]:
    """What the transaction that gave it took from `sys:issued`."""
    issued = (
        select(ledger_tx.c.ref, func.sum(ledger_entries.c.amount_microcredits).label("amount"))
        .join_from(ledger_tx, ledger_entries, ledger_entries.c.tx_id == ledger_tx.c.id)
        .where(ledger_tx.c.kind == "grant", ledger_entries.c.ledger_account.like(_ISSUED))
        .group_by(ledger_tx.c.ref)
        .subquery()
    )
    amount = -func.coalesce(issued.c.amount, 0)
    return (
        finding(grants.c.id, "amount ", grants.c.amount_microcredits, ", issued ", amount)
        .join_from(grants, issued, issued.c.ref == grants.c.id, isouter=True)
        .where(amount != grants.c.amount_microcredits)
    )
