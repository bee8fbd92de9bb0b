// Holdfast in a resource group of its own. `azd up` deploys it; docs/deploy.md tells the order and what each choice costs.
targetScope = 'subscription'

// --- where

@description('Name of this installation; azd\'s environment name.')
@minLength(1)
@maxLength(40)
param environmentName string
@description('Azure region. Flex Consumption has to be offered there: az functionapp list-flexconsumption-locations.')
param location string

// --- Microsoft 365: scripts/register_apps.py makes the app registrations and tells these ids

@description('Tenant to back up; empty: the subscription\'s.')
param m365TenantId string = ''
@description('Client id of the app registration that reads.')
param backupClientId string = ''
@description('Client id of the app registration that writes; empty: no restores.')
param restoreClientId string = ''
@description('Client id of the app registration of the HTTP API.')
param apiClientId string = ''
@description('A second tenant that may be restored into; empty: none.')
param targetTenantId string = ''
@description('Client id of the app registration that writes into it.')
param targetClientId string = ''
@description('Name of the Key Vault secret with the backup app\'s client secret; empty: the managed identity is the proof (better).')
param backupSecretName string = ''
@description('Name of the Key Vault secret with the restore app\'s client secret; empty: the managed identity is the proof (better).')
param restoreSecretName string = ''
@description('Name of the Key Vault certificate that the backup app signs in with; empty: the managed identity is the proof (better).')
param backupCertificateName string = ''
@description('Name of the Key Vault certificate that the restore app signs in with; empty: the managed identity is the proof (better).')
param restoreCertificateName string = ''
@description('Object id of the person or pipeline that stores those secrets; empty: nobody.')
param keyVaultOfficerId string = ''
@description('Login endpoint of a national cloud; empty: the public one.')
param loginUrl string = ''
@description('Graph endpoint of a national cloud; empty: the public one.')
param graphUrl string = ''

// --- what is backed up

@description('When owners are looked at: NCRONTAB with seconds, UTC.')
param backupSchedule string = '0 0 */6 * * *'
@description('Hours within which every mailbox and drive should have been backed up again.')
param objectiveHours int = 24
@description('Types of owners: user, group, site; comma separated.')
param ownerTypes string = 'user,group,site'
@description('Kinds, comma separated; empty: all.')
param kinds string = ''
@description('on: mailbox items are kept a second time, as the streams that Exchange itself exports.')
@allowed(['off', 'on'])
param lossless string = 'off'
@description('Kinds of users, comma separated; empty: all of the kinds that users have.')
param userKinds string = ''
@description('The same for groups.')
param groupKinds string = ''
@description('The same for sites.')
param siteKinds string = ''
@description('Only these owners: ids or user principal names, comma separated, * and ? work; empty: everyone.')
param include string = ''
@description('Never these owners.')
param exclude string = ''
@description('Only who is in these groups (object ids, comma separated), nested ones too, the groups themselves and their sites; empty: everyone.')
param includeGroups string = ''
@description('Never who is in these groups.')
param excludeGroups string = ''
@description('Only owners of whom the directory tells this: userType=Member; accountEnabled=true; archived!=*.')
param ownerFilter string = ''
@description('Versions of a file: current, all, or how many older ones.')
param fileVersions string = 'current'
@description('Versions of a list item: current, all, or how many older ones.')
param listVersions string = 'current'
@description('The SharePoint hosts of the tenant, such as contoso.sharepoint.com: they open the attachments of list items.')
param sharePointHosts string = ''
@description('SharePoint licences of the tenant: they decide how fast files may be read.')
@minValue(1)
param spoLicences int = 1000
@description('When the vault is looked after: NCRONTAB with seconds, UTC, once a day.')
param careSchedule string = '0 0 2 * * *'
@description('What is kept of versions that are no longer current, such as all:30,daily:30,weekly:12; empty: everything, for ever.')
param retention string = ''
@description('Other rules for some kinds: mail=RULE; files=RULE.')
param retentionKinds string = ''
@description('Other rules for some owners: ann@contoso.example=RULE.')
param retentionOwners string = ''
@description('Nothing younger is ever forgotten. Not below immutabilityDays, or bytes can\'t go when their time has come.')
@minValue(1)
@maxValue(36500)
param retentionMinDays int = 30
@description('Whom a role or group of a caller reaches: VALUE=GROUP; VALUE=GROUP; empty: everyone.')
param departments string = ''
@description('Whether a signed-in person without a role may see and restore what is their own.')
@allowed(['on', 'off'])
param selfService string = 'off'
@description('Whether a restore waits for a second person.')
@allowed(['on', 'off'])
param fourEyes string = 'off'
@description('Whether runs, tickets and calls are also told as OpenTelemetry metrics and traces.')
@allowed(['on', 'off'])
param openTelemetry string = 'off'
@description('Any other setting of docs/operations.md by its name, as text.')
param moreSettings object = {}
@description('The same, for the backup app alone.')
param moreBackupSettings object = {}
@description('The same, for the restore app alone.')
param moreRestoreSettings object = {}
@description('The same, for the app that looks after the vault.')
param moreCareSettings object = {}
@description('Ids of further tenants, lower case: their containers are made. Their settings are HOLDFAST_TENANTS of each app, above.')
param furtherTenantIds array = []

// --- the apps

@description('Python version.')
@allowed(['3.11', '3.12', '3.13'])
param pythonVersion string = '3.12'
@description('Memory of an instance in MB.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048
@description('Most instances of an app at a time. Microsoft 365 is the bottleneck, so that more rarely help.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40
@description('Instances of the backup app that are always there, such as [{name: \'http\', instanceCount: 1}]. They cost money when nothing runs.')
param alwaysReady array = []
@description('HTTP requests that one instance serves at a time.')
@minValue(1)
@maxValue(1000)
param httpConcurrency int = 16

// --- the vault

@description('Redundancy of vault and catalog.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_RAGRS', 'Standard_GZRS', 'Standard_RAGZRS'])
param vaultSku string = 'Standard_ZRS'
@description('Days for which what was deleted can be brought back.')
@minValue(7)
@maxValue(365)
param softDeleteDays int = 30
@description('off; unlocked: versions are protected, and an administrator may still change the policy; locked: say so after a person has locked it (docs/deploy.md).')
@allowed(['off', 'unlocked', 'locked'])
param immutability string = 'unlocked'
@description('Days for which a version can\'t be changed or deleted, by anybody.')
@minValue(1)
@maxValue(146000)
param immutabilityDays int = 30
@description('Days after which a blob moves to the cool tier; 0: never.')
@minValue(0)
param coolAfterDays int = 30
@description('Days after which a blob moves to the cold tier; 0: never.')
@minValue(0)
param coldAfterDays int = 90
@description('How archived blobs come back that a restore or an export reads: standard takes up to 15 hours, high about one and costs many times as much; off: a person moves them.')
@allowed(['off', 'standard', 'high'])
param thaw string = 'standard'
@description('Whether vault and Key Vault are locked against deletion. azd down then fails, as it should.')
param lockResources bool = true
@description('Encrypts storage with a key in our Key Vault. Whoever loses that key loses the backups.')
param customerManagedKey bool = false
@description('Region of a second copy of the vault; empty: none.')
param copyLocation string = ''
@description('Subscription of the second copy; empty: this one.')
param copySubscriptionId string = ''
@description('Redundancy of the second copy.')
@allowed(['Standard_LRS', 'Standard_ZRS'])
param copySku string = 'Standard_LRS'

// --- network

@description('Storage and Key Vault are reached in a network of our own only.')
param privateNetwork bool = false
@description('Address range of that network, at least a /24.')
param addressPrefix string = '10.93.0.0/24'

// --- exports

@description('Days after which an export ends.')
@minValue(1)
param exportDays int = 30

// --- watching

@description('Addresses that alerts are mailed to, comma separated.')
param alertEmails string = ''
@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30
@description('GB of logs a day after which no more are taken.')
@minValue(1)
param dailyCapGb int = 1
@description('Percent of telemetry that is kept at ingestion. Below 100 the alerts count too few lines.')
@minValue(1)
@maxValue(100)
param samplingPercent int = 100
@description('Hours without a finished run after which something is wrong. More than the schedule\'s longest gap.')
@allowed([6, 12, 24, 48])
param silentHours int = 24
@description('Messages in all queues together, on a day\'s average, that are too many.')
@minValue(1)
param backlogMessages int = 20000
@description('Planned cost of a month in the currency of the bill; 0: no budget.')
@minValue(0)
param budgetAmount int = 0
@description('First day of the budget\'s first month; empty: this month\'s. A budget\'s start can never be changed: azd keeps what it was.')
param budgetStart string = ''
@description('First day of this month. Leave it alone.')
param thisMonth string = utcNow('yyyy-MM-01')

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName, product: 'holdfast' }
var tenantId = empty(m365TenantId) ? tenant().tenantId : m365TenantId
var emails = empty(alertEmails) ? [] : split(replace(alertEmails, ' ', ''), ',')
var vaultName = 'stvault${token}'
var workName = 'stwork${token}'
var backupHostName = 'sthostb${token}'
var restoreHostName = 'sthostr${token}'
var careHostName = 'sthostc${token}'
var keyVaultName = 'kv-${token}'
var containerName = 'vault'
var vaultContainers = concat([containerName], map(furtherTenantIds, id => '${containerName}-${id}'))
var exportContainer = 'exports'
var packageContainer = 'package'
// One queue per kind of ticket, and the one that the host moves a ticket to when it failed five times.
var backupQueues = ['plan', 'backup', 'item', 'export', 'plan-poison', 'backup-poison', 'item-poison', 'export-poison']
var orderQueue = 'restore'
var drillQueue = 'drill'
var restoreQueues = ['restore', 'drill', 'restore-poison', 'drill-poison']
// Verification and forgetting are ordered like restores; who carries them out has the retention identity.
var careQueue = 'care'
var careQueues = ['care', 'thaw', 'care-poison', 'thaw-poison']
// Restores and exports ask for archived blobs; whoever carries out retention moves them, and nobody else can.
var thawQueue = 'thaw'
var restoreOrderQueues = [thawQueue]
// ... and asks for an item to be taken anew where the vault's copy is damaged.
var careOrderQueues = ['item']
// A certificate's private key is had by the secret of the same name.
var backupStored = empty(backupSecretName) ? backupCertificateName : backupSecretName
var restoreStored = empty(restoreSecretName) ? restoreCertificateName : restoreSecretName
var usesSecrets = !empty(backupStored) || !empty(restoreStored)
var restores = !empty(restoreClientId)
var budgetFrom = empty(budgetStart) ? thisMonth : budgetStart

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identities 'modules/identities.bicep' = {
  scope: group
  params: { location: location, tags: tags, token: token, customerManagedKey: customerManagedKey }
}

module roles 'modules/roles.bicep' = {
  scope: group
  params: { token: token }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    retentionDays: logRetentionDays
    dailyCapGb: dailyCapGb
    samplingPercent: samplingPercent
    alertEmails: emails
  }
}

module keyVault 'modules/keyvault.bicep' = {
  scope: group
  params: {
    name: keyVaultName
    location: location
    tags: tags
    publicNetwork: !privateNetwork
    lock: lockResources
    workspaceId: monitoring.outputs.workspaceId
    backupSecretName: backupStored
    restoreSecretName: restoreStored
    certificates: !empty(backupCertificateName) || !empty(restoreCertificateName)
    backupPrincipalId: identities.outputs.backupPrincipalId
    restorePrincipalId: identities.outputs.restorePrincipalId
    officerPrincipalId: usesSecrets ? keyVaultOfficerId : ''
    keysPrincipalId: identities.outputs.keysPrincipalId
  }
}

// --- storage: one account for each duty, so that a right on one is none on another

module vault 'modules/vault.bicep' = {
  scope: group
  params: {
    name: vaultName
    location: location
    tags: tags
    sku: vaultSku
    containerName: containerName
    exportContainer: exportContainer
    exportDays: exportDays
    softDeleteDays: softDeleteDays
    immutability: immutability
    immutabilityDays: immutabilityDays
    coolAfterDays: coolAfterDays
    coldAfterDays: coldAfterDays
    publicNetwork: !privateNetwork
    lock: lockResources
    workspaceId: monitoring.outputs.workspaceId
    changeFeed: !empty(copyLocation)
    furtherTenantIds: furtherTenantIds
    keyIdentityId: identities.outputs.keysId
    keyVaultUri: keyVault.outputs.uri
    keyName: keyVault.outputs.keyName
  }
}

module work 'modules/storage.bicep' = {
  scope: group
  params: {
    name: workName
    location: location
    tags: tags
    sku: vaultSku
    queues: concat(backupQueues, restoreQueues, careQueues)
    publicNetwork: !privateNetwork
    keyIdentityId: identities.outputs.keysId
    keyVaultUri: keyVault.outputs.uri
    keyName: keyVault.outputs.keyName
  }
}

module backupHost 'modules/storage.bicep' = {
  scope: group
  params: {
    name: backupHostName
    location: location
    tags: tags
    sku: 'Standard_LRS'
    containers: [packageContainer]
    publicNetwork: !privateNetwork
  }
}

module restoreHost 'modules/storage.bicep' = {
  scope: group
  params: {
    name: restoreHostName
    location: location
    tags: tags
    sku: 'Standard_LRS'
    containers: [packageContainer]
    publicNetwork: !privateNetwork
  }
}

module careHost 'modules/storage.bicep' = {
  scope: group
  params: {
    name: careHostName
    location: location
    tags: tags
    sku: 'Standard_LRS'
    containers: [packageContainer]
    publicNetwork: !privateNetwork
  }
}

module access 'modules/access.bicep' = {
  scope: group
  params: {
    vaultName: vaultName
    containerName: containerName
    exportContainer: exportContainer
    workName: workName
    backupHostName: backupHostName
    restoreHostName: restoreHostName
    careHostName: careHostName
    insightsName: monitoring.outputs.insightsName
    backupQueues: backupQueues
    restoreQueues: restoreQueues
    careQueues: careQueues
    orderQueues: [orderQueue, drillQueue, careQueue, thawQueue]
    restoreOrderQueues: restoreOrderQueues
    careOrderQueues: careOrderQueues
    backupPrincipalId: identities.outputs.backupPrincipalId
    restorePrincipalId: identities.outputs.restorePrincipalId
    retentionPrincipalId: identities.outputs.retentionPrincipalId
    keeperRoleId: roles.outputs.keeperId
    exporterRoleId: roles.outputs.exporterId
    retentionRoleId: roles.outputs.retentionId
    warmerRoleId: roles.outputs.warmerId
    warmerCondition: roles.outputs.warmerCondition
    catalogRoleId: roles.outputs.catalogId
    inspectorRoleId: roles.outputs.inspectorId
  }
  dependsOn: [vault, work, backupHost, restoreHost, careHost]
}

module further 'modules/tenant.bicep' = [for id in furtherTenantIds: {
  scope: group
  params: {
    vaultName: vaultName
    containerName: '${containerName}-${id}'
    exportContainer: '${exportContainer}-${id}'
    immutability: immutability
    immutabilityDays: immutabilityDays
    backupPrincipalId: identities.outputs.backupPrincipalId
    restorePrincipalId: identities.outputs.restorePrincipalId
    retentionPrincipalId: identities.outputs.retentionPrincipalId
    keeperRoleId: roles.outputs.keeperId
    exporterRoleId: roles.outputs.exporterId
    retentionRoleId: roles.outputs.retentionId
    warmerRoleId: roles.outputs.warmerId
    warmerCondition: roles.outputs.warmerCondition
  }
  dependsOn: [vault]
}]

// --- a second copy, elsewhere

var copyReaders = [identities.outputs.backupPrincipalId, identities.outputs.restorePrincipalId, identities.outputs.retentionPrincipalId]

module copyGroup 'modules/group.bicep' = if (!empty(copyLocation)) {
  scope: subscription(empty(copySubscriptionId) ? subscription().subscriptionId : copySubscriptionId)
  params: { name: 'rg-${environmentName}-copy', location: empty(copyLocation) ? location : copyLocation, tags: tags }
}

module copy 'modules/vault.bicep' = if (!empty(copyLocation)) {
  scope: resourceGroup(empty(copySubscriptionId) ? subscription().subscriptionId : copySubscriptionId, 'rg-${environmentName}-copy')
  params: {
    name: 'stcopy${token}'
    location: empty(copyLocation) ? location : copyLocation
    tags: tags
    sku: copySku
    containerName: containerName
    softDeleteDays: softDeleteDays
    immutability: immutability
    immutabilityDays: immutabilityDays
    coolAfterDays: 0
    coldAfterDays: 1
    publicNetwork: !privateNetwork
    lock: lockResources
  }
  dependsOn: [copyGroup]
}

module copyFurther 'modules/copytenant.bicep' = [for id in furtherTenantIds: if (!empty(copyLocation)) {
  scope: resourceGroup(empty(copySubscriptionId) ? subscription().subscriptionId : copySubscriptionId, 'rg-${environmentName}-copy')
  params: {
    accountName: 'stcopy${token}'
    containerName: '${containerName}-${id}'
    immutability: immutability
    immutabilityDays: immutabilityDays
    principalIds: copyReaders
  }
  dependsOn: [copy]
}]

module copyHalf 'modules/replication.bicep' = if (!empty(copyLocation)) {
  scope: resourceGroup(empty(copySubscriptionId) ? subscription().subscriptionId : copySubscriptionId, 'rg-${environmentName}-copy')
  params: { accountName: 'stcopy${token}', sourceId: vault.outputs.id, destinationId: copy!.outputs.id, containerNames: vaultContainers }
  dependsOn: [copyFurther]
}

module vaultHalf 'modules/replication.bicep' = if (!empty(copyLocation)) {
  scope: group
  params: { accountName: vaultName, sourceId: vault.outputs.id, destinationId: copy!.outputs.id, policyId: copyHalf!.outputs.policyId, givenRules: copyHalf!.outputs.rules }
  dependsOn: [further]
}

// It is read where the vault misses something; nobody but the replication writes it.
module copyAccess 'modules/copyaccess.bicep' = if (!empty(copyLocation)) {
  scope: resourceGroup(empty(copySubscriptionId) ? subscription().subscriptionId : copySubscriptionId, 'rg-${environmentName}-copy')
  params: {
    accountName: 'stcopy${token}'
    containerName: containerName
    principalIds: copyReaders
  }
  dependsOn: [copy]
}

// --- network

module network 'modules/network.bicep' = if (privateNetwork) {
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    addressPrefix: addressPrefix
    endpoints: concat(empty(copyLocation) ? [] : [{ name: 'copy', id: copy!.outputs.id, group: 'blob' }], [
      { name: 'vault', id: vault.outputs.id, group: 'blob' }
      { name: 'queues', id: work.outputs.id, group: 'queue' }
      { name: 'catalog', id: work.outputs.id, group: 'table' }
      { name: 'backup-host', id: backupHost.outputs.id, group: 'blob' }
      { name: 'backup-host-tables', id: backupHost.outputs.id, group: 'table' }
      { name: 'restore-host', id: restoreHost.outputs.id, group: 'blob' }
      { name: 'restore-host-tables', id: restoreHost.outputs.id, group: 'table' }
      { name: 'care-host', id: careHost.outputs.id, group: 'blob' }
      { name: 'care-host-tables', id: careHost.outputs.id, group: 'table' }
      { name: 'keys', id: keyVault.outputs.id, group: 'vault' }
    ])
  }
}

// --- the apps. shared/knobs.py knows every name; a test holds the two against each other

var common = {
  M365_TENANT_ID: tenantId
  M365_LOGIN_BASE_URL: loginUrl
  M365_GRAPH_BASE_URL: graphUrl
  M365_SHAREPOINT_HOSTS: sharePointHosts
  M365_TARGET_TENANT_ID: targetTenantId
  VAULT_STORAGE: vault.outputs.blobEndpoint
  VAULT_CONTAINER: containerName
  EXPORT_CONTAINER: exportContainer
  CATALOG_STORAGE: work.outputs.tableEndpoint
  BACKUP_SCHEDULE: backupSchedule
  VAULT_RESOURCE_ID: vault.outputs.id
  VAULT_COPY_STORAGE: empty(copyLocation) ? '' : copy!.outputs.blobEndpoint
  VAULT_COPY_CONTAINER: containerName
  CARE_SCHEDULE: careSchedule
  HOLDFAST_OTEL: openTelemetry
  HOLDFAST_THAW: thaw
  RESTORE_FOUR_EYES: fourEyes
  RETENTION: retention
  RETENTION_KINDS: retentionKinds
  RETENTION_OWNERS: retentionOwners
  RETENTION_MIN_DAYS: string(retentionMinDays)
  BACKUP_OBJECTIVE_H: string(objectiveHours)
  BACKUP_OWNER_TYPES: ownerTypes
  BACKUP_KINDS: kinds
  BACKUP_LOSSLESS: lossless
  BACKUP_USER_KINDS: userKinds
  BACKUP_GROUP_KINDS: groupKinds
  BACKUP_SITE_KINDS: siteKinds
  BACKUP_INCLUDE: include
  BACKUP_EXCLUDE: exclude
  BACKUP_INCLUDE_GROUPS: includeGroups
  BACKUP_EXCLUDE_GROUPS: excludeGroups
  BACKUP_FILTER: ownerFilter
  FILES_VERSIONS: fileVersions
  LISTS_VERSIONS: listVersions
  SPO_LICENCES: string(spoLicences)
}

var backupSettings = {
  HOLDFAST_ROLE: 'backup'
  VAULT_IDENTITY_CLIENT_ID: identities.outputs.backupClientId
  M365_BACKUP_CLIENT_ID: backupClientId
  M365_BACKUP_CERTIFICATE_URL: empty(backupCertificateName) ? '' : '${keyVault.outputs.uri}certificates/${backupCertificateName}'
  M365_BACKUP_FEDERATED: empty(backupStored) ? identities.outputs.backupClientId : ''
  M365_BACKUP_CLIENT_SECRET: empty(backupSecretName) ? '' : '@Microsoft.KeyVault(VaultName=${keyVaultName};SecretName=${backupSecretName})'
  API_AUTH: 'entra'
  API_DEPARTMENTS: departments
  API_SELF_SERVICE: selfService
  API_AUDIENCE: empty(apiClientId) ? '' : 'api://${apiClientId},${apiClientId}'
}

var restoreSettings = {
  HOLDFAST_ROLE: 'restore'
  VAULT_IDENTITY_CLIENT_ID: identities.outputs.restoreClientId
  M365_RESTORE_CLIENT_ID: restoreClientId
  M365_RESTORE_CERTIFICATE_URL: empty(restoreCertificateName) ? '' : '${keyVault.outputs.uri}certificates/${restoreCertificateName}'
  M365_RESTORE_FEDERATED: restores && empty(restoreStored) ? identities.outputs.restoreClientId : ''
  M365_RESTORE_CLIENT_SECRET: empty(restoreSecretName) ? '' : '@Microsoft.KeyVault(VaultName=${keyVaultName};SecretName=${restoreSecretName})'
  M365_TARGET_CLIENT_ID: targetClientId
  M365_TARGET_FEDERATED: empty(targetClientId) ? '' : identities.outputs.restoreClientId
}

// Verifies the vault and forgets. Signs in to Microsoft 365 as nobody and answers no call.
var careSettings = {
  HOLDFAST_ROLE: 'care'
  VAULT_IDENTITY_CLIENT_ID: identities.outputs.retentionClientId
  RETENTION_IDENTITY_CLIENT_ID: identities.outputs.retentionClientId
}

module backupApp 'modules/app.bicep' = {
  scope: group
  params: {
    name: 'func-${token}-backup'
    location: location
    tags: union(tags, { 'azd-service-name': 'backup' })
    identityId: identities.outputs.backupId
    identityClientId: identities.outputs.backupClientId
    hostBlobEndpoint: backupHost.outputs.blobEndpoint
    hostTableEndpoint: backupHost.outputs.tableEndpoint
    queueEndpoint: work.outputs.queueEndpoint
    packageContainer: packageContainer
    insightsName: monitoring.outputs.insightsName
    pythonVersion: pythonVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReady: alwaysReady
    httpConcurrency: httpConcurrency
    http: true
    subnetId: privateNetwork ? network!.outputs.backupSubnetId : ''
    settings: union(common, backupSettings, moreSettings, moreBackupSettings)
  }
  dependsOn: [access]
}

module restoreApp 'modules/app.bicep' = {
  scope: group
  params: {
    name: 'func-${token}-restore'
    location: location
    tags: union(tags, { 'azd-service-name': 'restore' })
    identityId: identities.outputs.restoreId
    identityClientId: identities.outputs.restoreClientId
    hostBlobEndpoint: restoreHost.outputs.blobEndpoint
    hostTableEndpoint: restoreHost.outputs.tableEndpoint
    queueEndpoint: work.outputs.queueEndpoint
    packageContainer: packageContainer
    insightsName: monitoring.outputs.insightsName
    pythonVersion: pythonVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReady: []
    httpConcurrency: httpConcurrency
    http: false
    subnetId: privateNetwork ? network!.outputs.restoreSubnetId : ''
    settings: union(common, restoreSettings, moreSettings, moreRestoreSettings)
  }
  dependsOn: [access]
}

module careApp 'modules/app.bicep' = {
  scope: group
  params: {
    name: 'func-${token}-care'
    location: location
    tags: union(tags, { 'azd-service-name': 'care' })
    identityId: identities.outputs.retentionId
    identityClientId: identities.outputs.retentionClientId
    hostBlobEndpoint: careHost.outputs.blobEndpoint
    hostTableEndpoint: careHost.outputs.tableEndpoint
    queueEndpoint: work.outputs.queueEndpoint
    packageContainer: packageContainer
    insightsName: monitoring.outputs.insightsName
    pythonVersion: pythonVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReady: []
    httpConcurrency: httpConcurrency
    http: false
    subnetId: privateNetwork ? network!.outputs.careSubnetId : ''
    settings: union(common, careSettings, moreSettings, moreCareSettings)
  }
  dependsOn: [access]
}

// --- watching

module alerts 'modules/alerts.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    insightsId: monitoring.outputs.insightsId
    workspaceId: monitoring.outputs.workspaceId
    actionGroupId: monitoring.outputs.actionGroupId
    retentionPrincipalId: identities.outputs.retentionPrincipalId
    vaultName: vaultName
    silentHours: silentHours
    backlogMessages: backlogMessages
    workAccountId: work.outputs.id
    keyVaultName: usesSecrets || customerManagedKey ? keyVaultName : ''
  }
  dependsOn: [keyVault]
}

module workbook 'modules/workbook.bicep' = {
  scope: group
  params: { location: location, tags: tags, insightsId: monitoring.outputs.insightsId }
}

module budget 'modules/budget.bicep' = if (budgetAmount > 0) {
  scope: group
  params: { token: token, amount: budgetAmount, startDate: budgetFrom, actionGroupId: monitoring.outputs.actionGroupId, alertEmails: emails }
}

// --- what the next steps need: azd keeps these in its environment

output AZURE_RESOURCE_GROUP string = group.name
output HOLDFAST_TENANT_ID string = tenantId
output HOLDFAST_BACKUP_APP string = backupApp.outputs.name
output HOLDFAST_RESTORE_APP string = restoreApp.outputs.name
output HOLDFAST_CARE_APP string = careApp.outputs.name
output HOLDFAST_API string = 'https://${backupApp.outputs.host}/api'
output HOLDFAST_BACKUP_PRINCIPAL string = identities.outputs.backupPrincipalId
output HOLDFAST_RESTORE_PRINCIPAL string = identities.outputs.restorePrincipalId
output HOLDFAST_RETENTION_CLIENT_ID string = identities.outputs.retentionClientId
output HOLDFAST_KEY_VAULT string = keyVault.outputs.uri
output HOLDFAST_VAULT string = vaultName
output HOLDFAST_BUDGET_START string = budgetAmount > 0 ? budgetFrom : ''
