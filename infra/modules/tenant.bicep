// A further tenant in the same installation: containers of its own beside the first one's, with the same rights on them.
@description('Name of the vault account.')
param vaultName string
@description('Name of its container.')
param containerName string
@description('Name of its container of exports.')
param exportContainer string
@description('off, unlocked or locked, as for the first tenant.')
@allowed(['off', 'unlocked', 'locked'])
param immutability string
@description('Days for which a version can\'t be changed or deleted.')
param immutabilityDays int
@description('Principal id of the backup identity.')
param backupPrincipalId string
@description('Principal id of the restore identity.')
param restorePrincipalId string
@description('Principal id of the retention identity.')
param retentionPrincipalId string
@description('Custom role: reads and creates, in the vault.')
param keeperRoleId string
@description('Custom role: writes exports.')
param exporterRoleId string
@description('Custom role: deletes, in the vault.')
param retentionRoleId string
@description('Custom role: moves blobs to another tier, in the vault.')
param warmerRoleId string
@description('Condition of that role: it writes nothing else.')
param warmerCondition string

var blobReader = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1')

resource account 'Microsoft.Storage/storageAccounts@2026-04-01' existing = {
  name: vaultName
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

resource exports 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01' = {
  parent: blobs
  name: exportContainer
  properties: { publicAccess: 'None' }
}

resource keeps 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principal in [backupPrincipalId, retentionPrincipalId]: {
  scope: container
  name: guid(container.id, principal, keeperRoleId)
  properties: { principalId: principal, principalType: 'ServicePrincipal', roleDefinitionId: keeperRoleId }
}]

resource restoreReads 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: container
  name: guid(container.id, restorePrincipalId, blobReader)
  properties: { principalId: restorePrincipalId, principalType: 'ServicePrincipal', roleDefinitionId: blobReader }
}

resource retentionDeletes 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: container
  name: guid(container.id, retentionPrincipalId, retentionRoleId)
  properties: { principalId: retentionPrincipalId, principalType: 'ServicePrincipal', roleDefinitionId: retentionRoleId }
}

resource retentionWarms 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: container
  name: guid(container.id, retentionPrincipalId, warmerRoleId)
  properties: {
    principalId: retentionPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: warmerRoleId
    conditionVersion: '2.0'
    condition: warmerCondition
  }
}

resource backupExports 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: exports
  name: guid(exports.id, backupPrincipalId, exporterRoleId)
  properties: { principalId: backupPrincipalId, principalType: 'ServicePrincipal', roleDefinitionId: exporterRoleId }
}
