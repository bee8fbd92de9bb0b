// The vault: an account for kept bytes alone. Nothing in it is ever overwritten; only retention deletes.
@description('Name of the account.')
param name string
@description('Azure region.')
param location string
@description('Tags of every resource.')
param tags object
@description('Redundancy.')
param sku string
@description('Name of the container.')
param containerName string
@description('Name of the container that exports are written to; empty: none is made.')
param exportContainer string = ''
@description('Days after which an export ends.')
@minValue(1)
param exportDays int = 30
@description('Days for which what was deleted can be brought back.')
@minValue(7)
@maxValue(365)
param softDeleteDays int
@description('off: no policy. unlocked: versions can\'t be changed or deleted for immutabilityDays, and an administrator may still shorten that. locked: a person has locked the policy, so that the template leaves it alone.')
@allowed(['off', 'unlocked', 'locked'])
param immutability string
@description('Days for which a version can\'t be changed or deleted.')
@minValue(1)
@maxValue(146000)
param immutabilityDays int
@description('Days after which a blob moves to the cool tier; 0: never.')
@minValue(0)
param coolAfterDays int
@description('Days after which a blob moves to the cold tier; 0: never.')
@minValue(0)
param coldAfterDays int
@description('Whether the account can be reached from the internet (with an Entra token only, in any case).')
param publicNetwork bool
@description('Whether the account is locked against deletion.')
param lock bool
@description('Log Analytics workspace that notes every deletion; empty: none does.')
param workspaceId string = ''
@description('Whether changes are noted for a second copy.')
param changeFeed bool = false
@description('Ids of further tenants, whose containers are named after them.')
param furtherTenantIds array = []
@description('Identity that reads our encryption key; empty: Microsoft manages the key.')
param keyIdentityId string = ''
@description('URI of the key vault with that key.')
param keyVaultUri string = ''
@description('Name of that key.')
param keyName string = ''

var ownKey = { keySource: 'Microsoft.Keyvault', identity: { userAssignedIdentity: keyIdentityId }, keyvaultproperties: { keyname: keyName, keyvaulturi: keyVaultUri } }
var services = { blob: { keyType: 'Account', enabled: true } }
var containers = concat([containerName], map(furtherTenantIds, id => '${containerName}-${id}'))
var exportContainers = empty(exportContainer) ? [] : concat([exportContainer], map(furtherTenantIds, id => '${exportContainer}-${id}'))
// A rule of its own for each container: a rule takes ten prefixes, a policy a hundred rules, and names are letters and
// digits (Storage docs: lifecycle policy structure).
var age = [for (name, i) in containers: {
  name: 'age${i}'
  type: 'Lifecycle'
  enabled: true
  definition: {
    filters: { blobTypes: ['blockBlob'], prefixMatch: ['${name}/pages/', '${name}/parts/'] }
    actions: { baseBlob: union(toCool, toCold) }
  }
}]
var end = [for (name, i) in exportContainers: {
  name: 'exportsEnd${i}'
  type: 'Lifecycle'
  enabled: true
  definition: {
    filters: { blobTypes: ['blockBlob'], prefixMatch: ['${name}/'] }
    actions: { baseBlob: { delete: { daysAfterCreationGreaterThan: exportDays } }, version: { delete: { daysAfterCreationGreaterThan: exportDays } } }
  }
}]
var toCool = coolAfterDays == 0 ? {} : { tierToCool: { daysAfterCreationGreaterThan: coolAfterDays } }
var toCold = coldAfterDays == 0 ? {} : { tierToCold: { daysAfterCreationGreaterThan: coldAfterDays } }

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
    isHnsEnabled: false // versions can't be made immutable in accounts with a hierarchical namespace
    publicNetworkAccess: publicNetwork ? 'Enabled' : 'Disabled'
    networkAcls: { bypass: 'AzureServices', defaultAction: publicNetwork ? 'Allow' : 'Deny' }
    encryption: empty(keyIdentityId) ? { keySource: 'Microsoft.Storage', requireInfrastructureEncryption: true, services: services } : union(ownKey, { requireInfrastructureEncryption: true, services: services })
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2026-04-01' = {
  parent: account
  name: 'default'
  properties: {
    isVersioningEnabled: true
    changeFeed: { enabled: changeFeed }
    deleteRetentionPolicy: { enabled: true, days: softDeleteDays, allowPermanentDelete: false }
    containerDeleteRetentionPolicy: { enabled: true, days: softDeleteDays }
  }
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

// What leaves the house: copies that somebody asked for, which end by themselves. No policy holds them.
resource exports 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01' = if (!empty(exportContainer)) {
  parent: blobs
  name: empty(exportContainer) ? 'exports' : exportContainer
  properties: { publicAccess: 'None' }
}

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2026-04-01' = if (coolAfterDays + coldAfterDays > 0 || !empty(exportContainer)) {
  parent: account
  name: 'default'
  properties: {
    policy: { rules: concat(coolAfterDays + coldAfterDays > 0 ? age : [], end) }
  }
  dependsOn: [blobs]
}

resource deletions 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (!empty(workspaceId)) {
  scope: blobs
  name: 'deletions'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'StorageDelete', enabled: true }]
  }
}

resource keep 'Microsoft.Authorization/locks@2020-05-01' = if (lock) {
  scope: account
  name: 'holdfast-vault'
  properties: { level: 'CanNotDelete', notes: 'Holds backups. Remove the lock only to give them up.' }
}

output id string = account.id
output blobEndpoint string = account.properties.primaryEndpoints.blob
