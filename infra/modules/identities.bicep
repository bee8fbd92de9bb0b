// Who acts: one identity per duty, so that no code that runs for one duty can get a token of another.
@description('Azure region.')
param location string
@description('Tags of every resource.')
param tags object
@description('Makes names unique.')
param token string
@description('Whether storage is encrypted with a key of our own: that needs an identity of its own.')
param customerManagedKey bool

resource backup 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-${token}-backup'
  location: location
  tags: tags
}

resource restore 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-${token}-restore'
  location: location
  tags: tags
}

// May delete from the vault. The app that looks after it acts under this one, and nobody else.
resource retention 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-${token}-retention'
  location: location
  tags: tags
}

resource keys 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = if (customerManagedKey) {
  name: 'id-${token}-keys'
  location: location
  tags: tags
}

output backupId string = backup.id
output backupClientId string = backup.properties.clientId
output backupPrincipalId string = backup.properties.principalId
output restoreId string = restore.id
output restoreClientId string = restore.properties.clientId
output restorePrincipalId string = restore.properties.principalId
output retentionId string = retention.id
output retentionClientId string = retention.properties.clientId
output retentionPrincipalId string = retention.properties.principalId
output keysId string = customerManagedKey ? keys.id : ''
output keysPrincipalId string = customerManagedKey ? keys!.properties.principalId : ''
