// One half of an object replication: first the policy of the copy (which gives the ids), then that of the vault.
@description('Account that this half belongs to.')
param accountName string
@description('Resource id of the vault account.')
param sourceId string
@description('Resource id of the copy\'s account.')
param destinationId string
@description('Containers, of the same names on both sides. The vault\'s half takes the rules that the copy\'s gave.')
param containerNames array = []
@description('Id of the policy: default for the copy, then what the copy\'s half gave.')
param policyId string = 'default'
@description('Rules with their ids, as the copy\'s half gave them; empty for the copy.')
param givenRules array = []

var rules = [for name in containerNames: { sourceContainer: name, destinationContainer: name, filters: { minCreationTime: '1601-01-01T00:00:00Z' } }]

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
    rules: empty(givenRules) ? rules : givenRules
  }
}

output policyId string = policy.properties.policyId
output rules array = policy.properties.rules
