// One half of an object replication: first the policy of the copy (which gives the ids), then that of the vault.
@description('Account that this half belongs to.')
param accountName string
@description('Resource id of the vault account.')
param sourceId string
@description('Resource id of the copy\'s account.')
param destinationId string
@description('Container, of the same name on both sides.')
param containerName string
@description('Id of the policy: default for the copy, then what the copy\'s half gave.')
param policyId string = 'default'
@description('Id of the rule that the copy\'s half gave; empty for the copy.')
param ruleId string = ''

var rule = { sourceContainer: containerName, destinationContainer: containerName, filters: { minCreationTime: '1601-01-01T00:00:00Z' } }

resource account 'Microsoft.Storage/storageAccounts@2026-04-01' existing = {
  name: accountName
}

resource policy 'Microsoft.Storage/storageAccounts/objectReplicationPolicies@2026-04-01' = {
  parent: account
  name: policyId
  properties: {
    sourceAccount: sourceId
    destinationAccount: destinationId
    metrics: { enabled: true }
    rules: [empty(ruleId) ? rule : union(rule, { ruleId: ruleId })]
  }
}

output policyId string = policy.properties.policyId
output ruleId string = policy.properties.rules[0].ruleId
