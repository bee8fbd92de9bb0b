// Key Vault: for client secrets where federation is not possible, and for a key of our own over storage.
@description('Name of the key vault.')
param name string
@description('Azure region.')
param location string
@description('Tags of every resource.')
param tags object
@description('Whether it can be reached from the internet (with an Entra token only, in any case).')
param publicNetwork bool
@description('Whether it is locked against deletion.')
param lock bool
@description('Log Analytics workspace that notes who read what.')
param workspaceId string
@description('Name of the backup app\'s client secret; empty: there is none.')
param backupSecretName string
@description('Name of the restore app\'s client secret; empty: there is none.')
param restoreSecretName string
@description('Whether some of them are certificates.')
param certificates bool = false
@description('Principal id of the backup identity.')
param backupPrincipalId string
@description('Principal id of the restore identity.')
param restorePrincipalId string
@description('Object id of the person or pipeline that stores those secrets; empty: nobody.')
param officerPrincipalId string
@description('Principal id of the identity that encrypts storage; empty: no key is made.')
param keysPrincipalId string

var secretsUser = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-b874-0445c86b69e6')
var secretsOfficer = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7')
var certificatesOfficer = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'a4417e6f-fecd-4de8-b567-7b0420556985')
var cryptoUser = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'e147488a-f6f5-4113-8e2d-b22465e65bf6')
var ownKey = !empty(keysPrincipalId)
var keyName = 'storage'

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: subscription().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
    publicNetworkAccess: publicNetwork ? 'Enabled' : 'Disabled'
    networkAcls: { bypass: 'AzureServices', defaultAction: publicNetwork ? 'Allow' : 'Deny' }
  }
}

resource key 'Microsoft.KeyVault/vaults/keys@2026-02-01' = if (ownKey) {
  parent: vault
  name: keyName
  tags: tags
  properties: {
    kty: 'RSA'
    keySize: 3072
    keyOps: ['wrapKey', 'unwrapKey']
    rotationPolicy: {
      lifetimeActions: [{ action: { type: 'rotate' }, trigger: { timeAfterCreate: 'P1Y' } }]
      attributes: { expiryTime: 'P2Y' }
    }
  }
}

resource encrypts 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (ownKey) {
  scope: key
  name: guid(vault.id, keyName, keysPrincipalId, cryptoUser)
  properties: { principalId: keysPrincipalId, principalType: 'ServicePrincipal', roleDefinitionId: cryptoUser }
}

resource backupSecret 'Microsoft.KeyVault/vaults/secrets@2026-02-01' existing = {
  parent: vault
  name: empty(backupSecretName) ? 'none' : backupSecretName
}

resource restoreSecret 'Microsoft.KeyVault/vaults/secrets@2026-02-01' existing = {
  parent: vault
  name: empty(restoreSecretName) ? 'none' : restoreSecretName
}

// Each identity reads its own secret and not the other's.
resource backupReads 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(backupSecretName)) {
  scope: backupSecret
  name: guid(vault.id, backupSecretName, backupPrincipalId, secretsUser)
  properties: { principalId: backupPrincipalId, principalType: 'ServicePrincipal', roleDefinitionId: secretsUser }
}

resource restoreReads 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(restoreSecretName)) {
  scope: restoreSecret
  name: guid(vault.id, restoreSecretName, restorePrincipalId, secretsUser)
  properties: { principalId: restorePrincipalId, principalType: 'ServicePrincipal', roleDefinitionId: secretsUser }
}

resource officer 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(officerPrincipalId)) {
  scope: vault
  name: guid(vault.id, officerPrincipalId, secretsOfficer)
  properties: { principalId: officerPrincipalId, roleDefinitionId: secretsOfficer }
}

resource certificateOfficer 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(officerPrincipalId) && certificates) {
  scope: vault
  name: guid(vault.id, officerPrincipalId, certificatesOfficer)
  properties: { principalId: officerPrincipalId, roleDefinitionId: certificatesOfficer }
}

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'AuditEvent', enabled: true }]
  }
}

resource keep 'Microsoft.Authorization/locks@2020-05-01' = if (lock) {
  scope: vault
  name: 'holdfast-keys'
  properties: { level: 'CanNotDelete', notes: 'Holds what is needed to read the backups.' }
}

output id string = vault.id
output uri string = vault.properties.vaultUri
output keyName string = ownKey ? key.name : ''
