// Who may read the second copy.
@description('Name of the copy\'s account.')
param accountName string
@description('Name of its container.')
param containerName string
@description('Principal ids of the identities that read it.')
param principalIds array

var blobReader = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1')

resource account 'Microsoft.Storage/storageAccounts@2026-04-01' existing = {
  name: accountName
}
resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2026-04-01' existing = {
  parent: account
  name: 'default'
}
resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01' existing = {
  parent: blobs
  name: containerName
}

resource copyReads 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principal in principalIds: {
  scope: container
  name: guid(container.id, principal, blobReader)
  properties: { principalId: principal, principalType: 'ServicePrincipal', roleDefinitionId: blobReader }
}]
