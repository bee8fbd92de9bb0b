// A further tenant's container in the second copy: nobody but the replication writes it.
@description('Name of the copy\'s account.')
param accountName string
@description('Name of the container, the same as in the vault.')
param containerName string
@description('off, unlocked or locked, as for the first tenant.')
@allowed(['off', 'unlocked', 'locked'])
param immutability string
@description('Days for which a version can\'t be changed or deleted.')
param immutabilityDays int
@description('Principal ids of the identities that read it.')
param principalIds array

resource account 'Microsoft.Storage/storageAccounts@2026-04-01' existing = {
  name: accountName
}
resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2026-04-01' existing = {
  parent: account
  name: 'default'
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01' = {
  parent: blobs
  name: containerName
  properties: {
    publicAccess: 'None'
    immutableStorageWithVersioning: { enabled: true }
  }
}

resource policy 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2026-04-01' = if (immutability == 'unlocked') {
  parent: container
  name: 'default'
  properties: { immutabilityPeriodSinceCreationInDays: immutabilityDays }
}

module access 'copyaccess.bicep' = {
  params: { accountName: accountName, containerName: container.name, principalIds: principalIds }
}
