// A function app on Flex Consumption that acts under one identity.
@description('Name of the app. Unique in its first 32 characters, as the host is named after them.')
@maxLength(32)
param name string
@description('Azure region.')
param location string
@description('Tags of the app: azd finds it by azd-service-name.')
param tags object
@description('Resource id of the identity it acts under.')
param identityId string
@description('Client id of that identity.')
param identityClientId string
@description('Blob endpoint of the app\'s own host account.')
param hostBlobEndpoint string
@description('Table endpoint of the app\'s own host account.')
param hostTableEndpoint string
@description('Queue endpoint of the account with the tickets.')
param queueEndpoint string
@description('Container of the host account that holds the package.')
param packageContainer string
@description('Name of the Application Insights component.')
param insightsName string
@description('Python version.')
param pythonVersion string
@description('Memory of an instance in MB.')
param instanceMemoryMB int
@description('Most instances at a time.')
param maximumInstanceCount int
@description('Instances that are always there: [{name: \'http\', instanceCount: 1}]. Costs money when nothing runs.')
param alwaysReady array
@description('Requests that one instance serves at a time.')
param httpConcurrency int
@description('Whether the app answers HTTP. An app without HTTP functions refuses every address.')
param http bool
@description('Subnet for outgoing traffic; empty: none.')
param subnetId string
@description('The app\'s settings besides those of the host.')
param settings object

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

// What the host and its bindings read. No key and no connection string: identities only.
var hostSettings = {
  AzureWebJobsStorage__blobServiceUri: hostBlobEndpoint
  AzureWebJobsStorage__tableServiceUri: hostTableEndpoint
  AzureWebJobsStorage__queueServiceUri: queueEndpoint
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString // names the component; it takes Entra tokens only
  APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL: 'true' // the exporter would tell Microsoft of itself
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-${name}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: 'Enabled' // said where a rule denies calls, or the deployment site would be shut as well
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${hostBlobEndpoint}${packageContainer}'
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identityId }
        }
      }
      runtime: { name: 'python', version: pythonVersion }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReady
        triggers: { http: { perInstanceConcurrency: httpConcurrency } }
      }
    }
    // Flex Consumption refuses what it has not, such as ftpsState, alwaysOn or linuxFxVersion (Functions docs: Flex
    // Consumption plan deprecations).
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      http20Enabled: true
      remoteDebuggingEnabled: false
      ipSecurityRestrictionsDefaultAction: http ? 'Allow' : 'Deny'
      scmIpSecurityRestrictionsUseMain: false // deployment goes there, with an Entra token
      scmIpSecurityRestrictionsDefaultAction: 'Allow'
    }
  }
}

resource appSettings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: union(hostSettings, settings)
}

// With the location, which the types do not know: without it some deployments ended as invalid (Azure/bicep-types-az,
// issues 1526 and 1571).
resource noFtpPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  #disable-next-line BCP037 // see above
  location: location
  properties: { allow: false }
}

resource noScmPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  #disable-next-line BCP037 // see above
  location: location
  properties: { allow: false }
}

output name string = app.name
output host string = app.properties.defaultHostName
