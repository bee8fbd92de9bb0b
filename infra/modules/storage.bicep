// A storage account without keys, for the Functions host or for our own working state (queues and catalog).
@description('Name of the account.')
param name string
@description('Azure region.')
param location string
@description('Tags of every resource.')
param tags object
@description('Redundancy.')
param sku string
@description('Blob containers to make.')
param containers array = []
@description('Queues to make.')
param queues array = []
@description('Whether the account can be reached from the internet (with an Entra token only, in any case).')
param publicNetwork bool
@description('Identity that reads our encryption key; empty: Microsoft manages the key.')
param keyIdentityId string = ''
@description('URI of the key vault with that key.')
param keyVaultUri string = ''
@description('Name of that key.')
param keyName string = ''

var ownKey = { keySource: 'Microsoft.Keyvault', identity: { userAssignedIdentity: keyIdentityId }, keyvaultproperties: { keyname: keyName, keyvaulturi: keyVaultUri } }
var services = { blob: { keyType: 'Account', enabled: true }, queue: { keyType: 'Account', enabled: true }, table: { keyType: 'Account', enabled: true } }

resource account 'Microsoft.Storage/storageAccounts@2026-04-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: sku }
  identity: empty(keyIdentityId) ? { type: 'None' } : { type: 'UserAssigned', userAssignedIdentities: { '${keyIdentityId}': {} } }
  properties: {
    accessTier: 'Hot'
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: publicNetwork ? 'Enabled' : 'Disabled'
    networkAcls: { bypass: 'AzureServices', defaultAction: publicNetwork ? 'Allow' : 'Deny' }
    encryption: empty(keyIdentityId) ? { keySource: 'Microsoft.Storage', services: services } : union(ownKey, { services: services })
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2026-04-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: { enabled: true, days: 7 }
    containerDeleteRetentionPolicy: { enabled: true, days: 7 }
  }
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01' = [for item in containers: {
  parent: blobs
  name: item
  properties: { publicAccess: 'None' }
}]

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2026-04-01' = {
  parent: account
  name: 'default'
}

resource queue 'Microsoft.Storage/storageAccounts/queueServices/queues@2026-04-01' = [for item in queues: {
  parent: queueService
  name: item
}]

output id string = account.id
output blobEndpoint string = account.properties.primaryEndpoints.blob
output queueEndpoint string = account.properties.primaryEndpoints.queue
output tableEndpoint string = account.properties.primaryEndpoints.table
