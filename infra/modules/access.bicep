// Who may do what in storage: every right is one line of a table, at the narrowest scope that the service knows.
@description('Name of the vault account.')
param vaultName string
@description('Name of the vault\'s container.')
param containerName string
@description('Name of the container of exports.')
param exportContainer string
@description('Name of the account with catalog and queues.')
param workName string
@description('Name of the backup app\'s host account.')
param backupHostName string
@description('Name of the restore app\'s host account.')
param restoreHostName string
@description('Name of the host account of the app that looks after the vault.')
param careHostName string
@description('Application Insights component.')
param insightsName string
@description('Queues of the backup app.')
param backupQueues array
@description('Queues of the restore app.')
param restoreQueues array
@description('Queues of whoever carries out retention.')
param careQueues array
@description('Queues that the backup app, which takes the orders, sends to and does not read.')
param orderQueues array
@description('Queues of the care app that the restore app sends to and does not read.')
param restoreOrderQueues array
@description('Queues of the other apps that the care app sends to and does not read.')
param careOrderQueues array
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
@description('Custom role: rows of the catalog.')
param catalogRoleId string
@description('Custom role: reads how the vault\'s account is protected.')
param inspectorRoleId string

// Built-in roles (Azure docs: built-in roles).
var blobDelegator = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'db58b8e5-c6ad-4a2a-8342-4190687cbf4a')
var blobReader = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1')
var queueContributor = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '974c5e8b-45b9-4653-ba55-5f855dd0fb88')
var queueSender = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a')
var metricsPublisher = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '3913510d-42f4-4e42-8a64-420c390055eb')
// The Functions host asks for these on its own account, for locks, keys, timers and the package (Functions docs: identity-based connections).
var hostBlobOwner = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b')
var hostTableContributor = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3')

resource vault 'Microsoft.Storage/storageAccounts@2026-04-01' existing = {
  name: vaultName
}
resource vaultBlobs 'Microsoft.Storage/storageAccounts/blobServices@2026-04-01' existing = {
  parent: vault
  name: 'default'
}
resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01' existing = {
  parent: vaultBlobs
  name: containerName
}
resource exports 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01' existing = {
  parent: vaultBlobs
  name: exportContainer
}
resource work 'Microsoft.Storage/storageAccounts@2026-04-01' existing = {
  name: workName
}
resource workQueues 'Microsoft.Storage/storageAccounts/queueServices@2026-04-01' existing = {
  parent: work
  name: 'default'
}
resource backupQueue 'Microsoft.Storage/storageAccounts/queueServices/queues@2026-04-01' existing = [for queue in backupQueues: {
  parent: workQueues
  name: queue
}]
resource restoreQueue 'Microsoft.Storage/storageAccounts/queueServices/queues@2026-04-01' existing = [for queue in restoreQueues: {
  parent: workQueues
  name: queue
}]
resource retentionQueue 'Microsoft.Storage/storageAccounts/queueServices/queues@2026-04-01' existing = [for queue in careQueues: {
  parent: workQueues
  name: queue
}]
resource orders 'Microsoft.Storage/storageAccounts/queueServices/queues@2026-04-01' existing = [for queue in orderQueues: {
  parent: workQueues
  name: queue
}]
resource restoreOrders 'Microsoft.Storage/storageAccounts/queueServices/queues@2026-04-01' existing = [for queue in restoreOrderQueues: {
  parent: workQueues
  name: queue
}]
resource backupHost 'Microsoft.Storage/storageAccounts@2026-04-01' existing = {
  name: backupHostName
}
resource restoreHost 'Microsoft.Storage/storageAccounts@2026-04-01' existing = {
  name: restoreHostName
}
resource careHost 'Microsoft.Storage/storageAccounts@2026-04-01' existing = {
  name: careHostName
}
resource careOrders 'Microsoft.Storage/storageAccounts/queueServices/queues@2026-04-01' existing = [for queue in careOrderQueues: {
  parent: workQueues
  name: queue
}]
resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

// --- the vault: the backup adds, the restore reads, retention deletes

resource backupKeeps 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: container
  name: guid(container.id, backupPrincipalId, keeperRoleId)
  properties: { principalId: backupPrincipalId, principalType: 'ServicePrincipal', roleDefinitionId: keeperRoleId }
}

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

// Forgetting is first said in a page, and a damaged blob is put back: both create, and neither overwrites.
resource retentionKeeps 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: container
  name: guid(container.id, retentionPrincipalId, keeperRoleId)
  properties: { principalId: retentionPrincipalId, principalType: 'ServicePrincipal', roleDefinitionId: keeperRoleId }
}

// Archived blobs come back under the identity that has no door to the internet: it sets tiers and writes nothing.
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

// Each app looks daily whether the vault is still protected as it was deployed.
resource vaultInspected 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principal in [backupPrincipalId, restorePrincipalId, retentionPrincipalId]: {
  scope: vault
  name: guid(vault.id, principal, inspectorRoleId)
  properties: { principalId: principal, principalType: 'ServicePrincipal', roleDefinitionId: inspectorRoleId }
}]

// --- exports: put together from blocks, which takes the right to write; and links that let somebody read one for a while

resource backupExports 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: exports
  name: guid(exports.id, backupPrincipalId, exporterRoleId)
  properties: { principalId: backupPrincipalId, principalType: 'ServicePrincipal', roleDefinitionId: exporterRoleId }
}

// Asks for a key of the account; a link signed with it can do no more than its signer: read the vault, or exports.
resource backupSigns 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, backupPrincipalId, blobDelegator)
  properties: { principalId: backupPrincipalId, principalType: 'ServicePrincipal', roleDefinitionId: blobDelegator }
}

// --- the catalog

resource catalogRows 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principal in [backupPrincipalId, restorePrincipalId, retentionPrincipalId]: {
  scope: work
  name: guid(work.id, principal, catalogRoleId)
  properties: { principalId: principal, principalType: 'ServicePrincipal', roleDefinitionId: catalogRoleId }
}]

// --- the queues: each app its own; the backup app, which takes the orders, may also send to the others'

resource backupWorks 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (queue, i) in backupQueues: {
  scope: backupQueue[i]
  name: guid(work.id, queue, backupPrincipalId, queueContributor)
  properties: { principalId: backupPrincipalId, principalType: 'ServicePrincipal', roleDefinitionId: queueContributor }
}]

resource restoreWorks 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (queue, i) in restoreQueues: {
  scope: restoreQueue[i]
  name: guid(work.id, queue, restorePrincipalId, queueContributor)
  properties: { principalId: restorePrincipalId, principalType: 'ServicePrincipal', roleDefinitionId: queueContributor }
}]

resource retentionWorks 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (queue, i) in careQueues: {
  scope: retentionQueue[i]
  name: guid(work.id, queue, retentionPrincipalId, queueContributor)
  properties: { principalId: retentionPrincipalId, principalType: 'ServicePrincipal', roleDefinitionId: queueContributor }
}]

resource backupOrders 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (queue, i) in orderQueues: {
  scope: orders[i]
  name: guid(work.id, queue, backupPrincipalId, queueSender)
  properties: { principalId: backupPrincipalId, principalType: 'ServicePrincipal', roleDefinitionId: queueSender }
}]

resource restoreAsks 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (queue, i) in restoreOrderQueues: {
  scope: restoreOrders[i]
  name: guid(work.id, queue, restorePrincipalId, queueSender)
  properties: { principalId: restorePrincipalId, principalType: 'ServicePrincipal', roleDefinitionId: queueSender }
}]

resource retentionOrders 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (queue, i) in careOrderQueues: {
  scope: careOrders[i]
  name: guid(work.id, queue, retentionPrincipalId, queueSender)
  properties: { principalId: retentionPrincipalId, principalType: 'ServicePrincipal', roleDefinitionId: queueSender }
}]

// --- the hosts: each app its own account, as whoever can write there can replace the app's package

resource backupHostBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: backupHost
  name: guid(backupHost.id, backupPrincipalId, hostBlobOwner)
  properties: { principalId: backupPrincipalId, principalType: 'ServicePrincipal', roleDefinitionId: hostBlobOwner }
}

resource backupHostTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: backupHost
  name: guid(backupHost.id, backupPrincipalId, hostTableContributor)
  properties: { principalId: backupPrincipalId, principalType: 'ServicePrincipal', roleDefinitionId: hostTableContributor }
}

resource restoreHostBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: restoreHost
  name: guid(restoreHost.id, restorePrincipalId, hostBlobOwner)
  properties: { principalId: restorePrincipalId, principalType: 'ServicePrincipal', roleDefinitionId: hostBlobOwner }
}

resource restoreHostTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: restoreHost
  name: guid(restoreHost.id, restorePrincipalId, hostTableContributor)
  properties: { principalId: restorePrincipalId, principalType: 'ServicePrincipal', roleDefinitionId: hostTableContributor }
}

resource careHostBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: careHost
  name: guid(careHost.id, retentionPrincipalId, hostBlobOwner)
  properties: { principalId: retentionPrincipalId, principalType: 'ServicePrincipal', roleDefinitionId: hostBlobOwner }
}

resource careHostTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: careHost
  name: guid(careHost.id, retentionPrincipalId, hostTableContributor)
  properties: { principalId: retentionPrincipalId, principalType: 'ServicePrincipal', roleDefinitionId: hostTableContributor }
}

// --- telemetry is sent with the same identities: the component takes no key

resource tells 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principal in [backupPrincipalId, restorePrincipalId, retentionPrincipalId]: {
  scope: insights
  name: guid(insights.id, principal, metricsPublisher)
  properties: { principalId: principal, principalType: 'ServicePrincipal', roleDefinitionId: metricsPublisher }
}]
