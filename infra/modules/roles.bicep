// What the built-in roles can't say. Which right each storage call needs: Storage docs, authorize with Microsoft Entra ID.
@description('Makes the roles\' names unique in the tenant.')
param token string

var accounts = 'Microsoft.Storage/storageAccounts'
var blobs = 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs'
// Of all that takes `write`, setting a tier is the suboperation Blob.Write.Tier (Storage docs: storage-auth-abac-attributes).
// Anything else has to lie in a container that there is not.
var onlyTiers = '((!(ActionMatches{\'${blobs}/write\'} AND NOT SubOperationMatches{\'Blob.Write.Tier\'})) OR (@Resource[${accounts}/blobServices/containers:name] StringEquals \'no-container\'))'
var tables = 'Microsoft.Storage/storageAccounts/tableServices/tables'

// Read, list, and create what does not exist: `add` covers Put Blob under a new name. It covers no overwrite, no block
// list, no tier, no metadata, no deletion; those need `write` or `delete`, which are not here.
resource keeper 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'keeper')
  properties: {
    roleName: 'Holdfast vault keeper (${token})'
    description: 'Reads the vault and adds to it. Overwrites and deletes nothing.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: ['${blobs}/read', '${blobs}/add/action']
        notDataActions: []
      }
    ]
  }
}

// Writes exports: blocks that are put together (Put Block and Put Block List need `write`). Deletes nothing: a rule ends them.
resource exporter 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'exporter')
  properties: {
    roleName: 'Holdfast exporter (${token})'
    description: 'Reads and writes exports. Deletes nothing.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: ['${blobs}/read', '${blobs}/add/action', '${blobs}/write']
        notDataActions: []
      }
    ]
  }
}

// Deletes what is over age, with its versions; creates and changes nothing. What an immutability policy protects stays.
resource retention 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'retention')
  properties: {
    roleName: 'Holdfast vault retention (${token})'
    description: 'Reads the vault and deletes from it. Creates and changes nothing.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: ['${blobs}/read', '${blobs}/delete', '${blobs}/deleteBlobVersion/action']
        notDataActions: []
      }
    ]
  }
}

// Moves blobs to another tier. The service knows no action for that alone: `write` is also the right to overwrite, so that
// every assignment of this role carries a condition that lets nothing through but the tier (access.bicep, tenant.bicep).
resource warmer 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'warmer')
  properties: {
    roleName: 'Holdfast vault warmer (${token})'
    description: 'Brings archived blobs back. Only to be assigned under the condition that it sets tiers and writes nothing.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: ['${blobs}/write']
        notDataActions: []
      }
    ]
  }
}

// How an account is protected: its settings, and those of its blobs. No data, no keys, no change.
resource inspector 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'inspector')
  properties: {
    roleName: 'Holdfast vault inspector (${token})'
    description: 'Reads how a storage account is protected. Reads no data.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: ['${accounts}/read', '${accounts}/blobServices/read', '${accounts}/blobServices/containers/read']
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
  }
}

// The catalog's rows, and tables made on first use. No table can be dropped, no access policy set.
resource catalog 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'catalog')
  properties: {
    roleName: 'Holdfast catalog writer (${token})'
    description: 'Reads and writes rows and creates tables. Drops no table.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: ['${tables}/read', '${tables}/write']
        notActions: []
        dataActions: ['${tables}/entities/read', '${tables}/entities/write', '${tables}/entities/add/action', '${tables}/entities/update/action', '${tables}/entities/delete']
        notDataActions: []
      }
    ]
  }
}

output keeperId string = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keeper.name)
output exporterId string = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', exporter.name)
output retentionId string = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', retention.name)
output warmerId string = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', warmer.name)
output warmerCondition string = onlyTiers
output inspectorId string = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', inspector.name)
output catalogId string = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', catalog.name)
