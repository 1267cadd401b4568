"""The operators' rows of the table of access: which scope each RPC of the admin plane asks for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from raseed.core.admin.operators import OperatorScope

_SERVICES: dict[str, dict[str, OperatorScope]] = {
    "raseed.admin.v1.AdminService": {
        "CreateAccount": OperatorScope.ACCOUNTS_WRITE,
        "GetAccount": OperatorScope.ACCOUNTS_READ,
        "ListAccounts": OperatorScope.ACCOUNTS_READ,
        "CreateApiKey": OperatorScope.KEYS_WRITE,
        "RevokeApiKey": OperatorScope.KEYS_WRITE,
        "ListApiKeys": OperatorScope.ACCOUNTS_READ,
        "SetSpendCap": OperatorScope.KEYS_WRITE,
        "SetDebtLimit": OperatorScope.CREDITS_WRITE,
        "GrantCredits": OperatorScope.CREDITS_WRITE,
        "AdjustCredits": OperatorScope.CREDITS_WRITE,
        "VoidGrant": OperatorScope.CREDITS_WRITE,
        "QueryUsage": OperatorScope.ACCOUNTS_READ,
        "VerifyLedger": OperatorScope.LEDGER_READ,
        "ReplayLedger": OperatorScope.LEDGER_READ,
        "ListBackends": OperatorScope.MODELS_READ,
    },
    "raseed.admin.v1.CodeAdminService": {
        "CreateCodeBatch": OperatorScope.CREDITS_WRITE,
        "ListCodeBatches": OperatorScope.ACCOUNTS_READ,
        "ListCodes": OperatorScope.ACCOUNTS_READ,
        "RevokeCodes": OperatorScope.CREDITS_WRITE,
    },
    "raseed.admin.v1.AccountAdminService": {
        "SuspendAccount": OperatorScope.ACCOUNTS_WRITE,
        "ReinstateAccount": OperatorScope.ACCOUNTS_WRITE,
        "CloseAccount": OperatorScope.ACCOUNTS_WRITE,
        "ListClosingRequests": OperatorScope.ACCOUNTS_READ,
        "ExportAccount": OperatorScope.ACCOUNTS_READ,
        "EraseAccount": OperatorScope.ACCOUNTS_ERASE,
        "SetAccountTier": OperatorScope.ACCOUNTS_WRITE,
        "ApproveSecondAccount": OperatorScope.ACCOUNTS_WRITE,
        "SetAccountContact": OperatorScope.ACCOUNTS_WRITE,
        "AddAccountNote": OperatorScope.ACCOUNTS_WRITE,
        "ListAccountNotes": OperatorScope.ACCOUNTS_READ,
    },
    "raseed.admin.v1.OrganisationAdminService": {
        "CreateOrganisation": OperatorScope.ACCOUNTS_WRITE,
        "ListOrganisations": OperatorScope.ACCOUNTS_READ,
        "ListOrganisationMembers": OperatorScope.ACCOUNTS_READ,
        "SetOrganisationMember": OperatorScope.ACCOUNTS_WRITE,
        "SetOrganisationMemberCap": OperatorScope.ACCOUNTS_WRITE,
        "RemoveOrganisationMember": OperatorScope.ACCOUNTS_WRITE,
    },
    "raseed.admin.v1.LimitsService": {
        "GetAccountLimits": OperatorScope.ACCOUNTS_READ,
        "SetAccountLimits": OperatorScope.ACCOUNTS_WRITE,
    },
    "raseed.admin.v1.KeyAdminService": {
        "GetApiKey": OperatorScope.ACCOUNTS_READ,
        "UpdateApiKey": OperatorScope.KEYS_WRITE,
        "RotateApiKey": OperatorScope.KEYS_WRITE,
    },
    "raseed.admin.v1.ReceiptAdminService": {
        "ShowReceipt": OperatorScope.PAYMENTS_READ,
        "RenderReceipt": OperatorScope.PAYMENTS_READ,
    },
    "raseed.admin.v1.AuditService": {
        "ListAuditRows": OperatorScope.AUDIT_READ,
        "VerifyAuditLog": OperatorScope.AUDIT_READ,
    },
    "raseed.admin.v1.CatalogueService": {
        "ListPrices": OperatorScope.PRICES_READ,
        "ListTiers": OperatorScope.PRICES_READ,
    },
    "raseed.admin.v1.NoticesService": {
        "SendNotice": OperatorScope.NOTICES_WRITE,
        "ListBroadcasts": OperatorScope.NOTICES_READ,
        "ListFailedNotices": OperatorScope.NOTICES_READ,
        "RetryNotice": OperatorScope.NOTICES_WRITE,
    },
    "raseed.admin.v1.SubscriptionAdminService": {
        "ListAllPlans": OperatorScope.PAYMENTS_READ,
        "ShowSubscription": OperatorScope.PAYMENTS_READ,
        "CancelSubscription": OperatorScope.PAYMENTS_WRITE,
        "EndSubscription": OperatorScope.PAYMENTS_WRITE,
    },
    "raseed.admin.v1.PaymentAdminService": {
        "ListAllPayments": OperatorScope.PAYMENTS_READ,
        "ShowPayment": OperatorScope.PAYMENTS_READ,
        "CheckPayment": OperatorScope.PAYMENTS_WRITE,
        "RefundPayment": OperatorScope.PAYMENTS_REFUND,
        "MarkRefundFailed": OperatorScope.PAYMENTS_REFUND,
        "AcceptPayment": OperatorScope.PAYMENTS_WRITE,
        "RejectPayment": OperatorScope.PAYMENTS_WRITE,
        "ListPaymentEvents": OperatorScope.PAYMENTS_READ,
        "RetryPaymentEvent": OperatorScope.PAYMENTS_WRITE,
        "ReportPayments": OperatorScope.PAYMENTS_READ,
    },
    "raseed.models.v1.ModelRepositoryService": {
        "DeclareVersion": OperatorScope.MODELS_PUBLISH,
        "UploadArtifact": OperatorScope.MODELS_PUBLISH,
        "ValidateVersion": OperatorScope.MODELS_PUBLISH,
        "GetVersion": OperatorScope.MODELS_READ,
        "ListVersions": OperatorScope.MODELS_READ,
        "KeepVersion": OperatorScope.MODELS_LOAD,
        "RemoveVersion": OperatorScope.MODELS_DELETE,
        "CollectArtifacts": OperatorScope.MODELS_DELETE,
        "ListAliases": OperatorScope.MODELS_READ,
        "SetAlias": OperatorScope.MODELS_ALIAS,
        "RollBackAlias": OperatorScope.MODELS_ALIAS,
        "RemoveAlias": OperatorScope.MODELS_ALIAS,
        "LoadVersion": OperatorScope.MODELS_LOAD,
        "UnloadVersion": OperatorScope.MODELS_LOAD,
        "PlanLoad": OperatorScope.MODELS_READ,
        "ListResidents": OperatorScope.MODELS_READ,
    },
    "raseed.admin.v1.OperatorsService": {
        "CreateOperator": OperatorScope.OPERATORS_WRITE,
        "ListOperators": OperatorScope.OPERATORS_READ,
        "RotateOperatorKey": OperatorScope.OPERATORS_WRITE,
        "DisableOperator": OperatorScope.OPERATORS_WRITE,
    },
}

ADMIN_ACCESS: Mapping[str, OperatorScope] = MappingProxyType(
    {
        f"{service}/{method}": scope
        for service, methods in _SERVICES.items()
        for method, scope in methods.items()
    }
)
"""By the RPC's full name, as in `raseed.admin.v1.AdminService/GetAccount`."""
