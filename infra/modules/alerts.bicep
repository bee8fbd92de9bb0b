// What is told, and when. docs/alerts.md says of each rule what it means and what to do.
@description('Azure region.')
param location string
@description('Tags of every resource.')
param tags object
@description('Makes names unique.')
param token string
@description('Application Insights component that the product\'s own lines go to.')
param insightsId string
@description('Workspace that the services\' logs go to.')
param workspaceId string
@description('Who is told.')
param actionGroupId string
@description('Principal id of the identity that may delete from the vault.')
param retentionPrincipalId string
@description('Name of the vault account.')
param vaultName string
@description('Hours without a finished run after which something is wrong.')
@allowed([6, 12, 24, 48])
param silentHours int
@description('Messages in all queues together that are too many.')
param backlogMessages int
@description('Resource id of the account with the queues.')
param workAccountId string
@description('Key vault whose expiring secrets are told; empty: none.')
param keyVaultName string

var deleted = replace(loadTextContent('../queries/deleted.kql'), 'RETENTION_PRINCIPAL', retentionPrincipalId)
// A window is 5, 10, 15, 30, 45 minutes, 1 to 6 hours, 1 or 2 days: Azure refuses any other (azure-rest-api-specs, issue 21258).
// Logs come minutes after what they tell, so that a window reaches back further than the evaluation before.
// Each query answers one row with one number, `hits`; the rule fires above (silent: below) the threshold.
var rules = [
  { name: 'late', title: 'a mailbox or drive is older than its objective', severity: 2, scope: insightsId, window: 'P1D', every: 'PT1H', operator: 'GreaterThan', threshold: 0, query: loadTextContent('../queries/late.kql') }
  { name: 'silent', title: 'no backup has finished for too long', severity: 1, scope: insightsId, window: 'P2D', every: 'PT1H', operator: 'LessThan', threshold: 1, query: replace(loadTextContent('../queries/silent.kql'), 'ago(24h)', 'ago(${silentHours}h)') }
  { name: 'troubled', title: 'runs end with problems for a day', severity: 3, scope: insightsId, window: 'P1D', every: 'PT6H', operator: 'GreaterThan', threshold: 0, query: loadTextContent('../queries/troubled.kql') }
  { name: 'owed', title: 'items can\'t be taken for two days', severity: 3, scope: insightsId, window: 'P2D', every: 'PT6H', operator: 'GreaterThan', threshold: 0, query: loadTextContent('../queries/owed.kql') }
  { name: 'given-up', title: 'tickets were given up', severity: 2, scope: insightsId, window: 'PT1H', every: 'PT15M', operator: 'GreaterThan', threshold: 0, query: loadTextContent('../queries/given-up.kql') }
  { name: 'permission', title: 'a permission, credential or setting is missing', severity: 1, scope: insightsId, window: 'PT6H', every: 'PT1H', operator: 'GreaterThan', threshold: 0, query: loadTextContent('../queries/permission.kql') }
  { name: 'throttled', title: 'Microsoft 365 slows the backup down', severity: 3, scope: insightsId, window: 'PT6H', every: 'PT1H', operator: 'GreaterThan', threshold: 50, query: loadTextContent('../queries/throttled.kql') }
  { name: 'restore', title: 'a restore failed, or part of it', severity: 2, scope: insightsId, window: 'PT1H', every: 'PT15M', operator: 'GreaterThan', threshold: 0, query: loadTextContent('../queries/restore.kql') }
  { name: 'failing', title: 'functions fail', severity: 2, scope: insightsId, window: 'PT1H', every: 'PT15M', operator: 'GreaterThan', threshold: 10, query: loadTextContent('../queries/failing.kql') }
  { name: 'deleted', title: 'somebody else than retention deleted from the vault', severity: 0, scope: workspaceId, window: 'PT1H', every: 'PT5M', operator: 'GreaterThan', threshold: 0, query: replace(deleted, 'VAULT_ACCOUNT', vaultName) }
  { name: 'verification', title: 'the vault is damaged, or could not be verified', severity: 1, scope: insightsId, window: 'PT6H', every: 'PT1H', operator: 'GreaterThan', threshold: 0, query: loadTextContent('../queries/verification.kql') }
  { name: 'unverified', title: 'no verification has finished for two days', severity: 1, scope: insightsId, window: 'P2D', every: 'PT6H', operator: 'LessThan', threshold: 1, query: loadTextContent('../queries/unverified.kql') }
  { name: 'retention', title: 'forgetting was refused or failed', severity: 2, scope: insightsId, window: 'PT6H', every: 'PT1H', operator: 'GreaterThan', threshold: 0, query: loadTextContent('../queries/retention.kql') }
  { name: 'mass-change', title: 'many items of somebody changed at once', severity: 1, scope: insightsId, window: 'PT6H', every: 'PT1H', operator: 'GreaterThan', threshold: 0, query: loadTextContent('../queries/mass-change.kql') }
  { name: 'checkup', title: 'the set-up is not as it should be', severity: 1, scope: insightsId, window: 'P1D', every: 'PT6H', operator: 'GreaterThan', threshold: 0, query: loadTextContent('../queries/checkup.kql') }
  { name: 'expiring', title: 'a certificate or secret of an app registration ends soon', severity: 1, scope: insightsId, window: 'P1D', every: 'PT6H', operator: 'GreaterThan', threshold: 0, query: loadTextContent('../queries/expiring.kql') }
  { name: 'drill', title: 'a restore drill did not bring everything back as it was', severity: 2, scope: insightsId, window: 'P1D', every: 'PT6H', operator: 'GreaterThan', threshold: 0, query: loadTextContent('../queries/drill.kql') }
  { name: 'policy', title: 'somebody wants to keep less', severity: 2, scope: insightsId, window: 'PT6H', every: 'PT1H', operator: 'GreaterThan', threshold: 0, query: loadTextContent('../queries/policy.kql') }
  { name: 'capped', title: 'logs are no longer taken today, so that other alerts are blind', severity: 1, scope: workspaceId, window: 'PT6H', every: 'PT1H', operator: 'GreaterThan', threshold: 0, query: loadTextContent('../queries/capped.kql') }
]

resource rule 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [for item in rules: {
  name: 'alert-${token}-${item.name}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'Holdfast: ${item.title}'
    description: 'docs/alerts.md, ${item.name}'
    severity: item.severity
    enabled: true
    scopes: [item.scope]
    evaluationFrequency: item.every
    windowSize: item.window
    autoMitigate: true
    skipQueryValidation: true // the tables exist once something was logged
    criteria: {
      allOf: [
        {
          query: item.query
          metricMeasureColumn: 'hits'
          timeAggregation: 'Total'
          operator: item.operator
          threshold: item.threshold
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: [actionGroupId] }
  }
}]

resource backlog 'Microsoft.Insights/metricAlerts@2026-01-01' = {
  name: 'alert-${token}-backlog'
  location: 'global'
  tags: tags
  properties: {
    description: 'docs/alerts.md, backlog'
    severity: 3
    enabled: true
    scopes: ['${workAccountId}/queueServices/default']
    evaluationFrequency: 'PT1H'
    windowSize: 'P1D'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'messages'
          metricNamespace: 'Microsoft.Storage/storageAccounts/queueServices'
          metricName: 'QueueMessageCount'
          timeAggregation: 'Average'
          operator: 'GreaterThan'
          threshold: backlogMessages
        }
      ]
    }
    actions: [{ actionGroupId: actionGroupId }]
  }
}

// Somebody is about to take the protection away: told by Azure's own log, which nobody here can switch off. One rule for
// each operation: lists of operations in one rule were refused (Azure/bicep, issue 6979). These rules cost nothing.
var tampering = [
  { name: 'lock', operation: 'Microsoft.Authorization/locks/delete' }
  { name: 'role', operation: 'Microsoft.Authorization/roleAssignments/write' }
  { name: 'account', operation: 'Microsoft.Storage/storageAccounts/delete' }
  { name: 'account-keys', operation: 'Microsoft.Storage/storageAccounts/listKeys/action' }
  { name: 'blob-settings', operation: 'Microsoft.Storage/storageAccounts/blobServices/write' }
  { name: 'lifecycle', operation: 'Microsoft.Storage/storageAccounts/managementPolicies/write' }
  { name: 'replication', operation: 'Microsoft.Storage/storageAccounts/objectReplicationPolicies/delete' }
  { name: 'container', operation: 'Microsoft.Storage/storageAccounts/blobServices/containers/delete' }
  { name: 'policy-change', operation: 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies/write' }
  { name: 'policy', operation: 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies/delete' }
  { name: 'log', operation: 'Microsoft.Insights/diagnosticSettings/delete' }
  { name: 'keys', operation: 'Microsoft.KeyVault/vaults/delete' }
]

resource tampered 'Microsoft.Insights/activityLogAlerts@2026-01-01' = [for item in tampering: {
  name: 'alert-${token}-tampering-${item.name}'
  location: 'global'
  tags: tags
  properties: {
    description: 'docs/alerts.md, tampering: ${item.operation}'
    enabled: true
    scopes: [resourceGroup().id]
    condition: {
      allOf: [
        { field: 'category', equals: 'Administrative' }
        { field: 'operationName', equals: item.operation }
      ]
    }
    actions: { actionGroups: [{ actionGroupId: actionGroupId }] }
  }
}]

// Secrets that expire within 30 days. With federation there are none, and nothing here.
resource vault 'Microsoft.KeyVault/vaults@2026-02-01' existing = {
  name: empty(keyVaultName) ? 'none' : keyVaultName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = if (!empty(keyVaultName)) {
  name: 'evgt-${token}-keys'
  location: location
  tags: tags
  properties: { source: vault.id, topicType: 'Microsoft.KeyVault.vaults' }
}

resource expiring 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = if (!empty(keyVaultName)) {
  parent: topic
  name: 'credential'
  properties: {
    eventDeliverySchema: 'CloudEventSchemaV1_0'
    filter: { includedEventTypes: ['Microsoft.KeyVault.SecretNearExpiry', 'Microsoft.KeyVault.SecretExpired', 'Microsoft.KeyVault.CertificateNearExpiry', 'Microsoft.KeyVault.CertificateExpired', 'Microsoft.KeyVault.KeyNearExpiry', 'Microsoft.KeyVault.KeyExpired'] }
    destination: {
      endpointType: 'MonitorAlert'
      properties: { severity: 'Sev1', description: 'docs/alerts.md, credential', actionGroups: [actionGroupId] }
    }
  }
}
