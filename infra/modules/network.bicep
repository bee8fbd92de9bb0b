// A network of its own: the apps go out through it, and storage and Key Vault are reached in it only.
@description('Azure region.')
param location string
@description('Tags of every resource.')
param tags object
@description('Makes names unique.')
param token string
@description('Address range: a /24 or larger that is free.')
param addressPrefix string
@description('What gets an address in the network: [{name, id, group}], group being blob, queue, table or vault.')
param endpoints array

// Public DNS names of the services by cloud; the private zones lie below.
var suffix = environment().suffixes.storage
var zones = ['privatelink.blob.${suffix}', 'privatelink.queue.${suffix}', 'privatelink.table.${suffix}', replace(environment().suffixes.keyvaultDns, '.vault', 'privatelink.vaultcore')]
var backupRange = cidrSubnet(addressPrefix, 26, 0)
var restoreRange = cidrSubnet(addressPrefix, 26, 1)
var careRange = cidrSubnet(addressPrefix, 26, 3)
var endpointRange = cidrSubnet(addressPrefix, 26, 2)
var zoneOf = { blob: 0, queue: 1, table: 2, vault: 3 }

resource guard 'Microsoft.Network/networkSecurityGroups@2025-09-01' = {
  name: 'nsg-${token}'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'nothing-from-the-internet'
        properties: {
          priority: 4000
          direction: 'Inbound'
          access: 'Deny'
          protocol: '*'
          sourceAddressPrefix: 'Internet'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2025-09-01' = {
  name: 'vnet-${token}'
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressPrefix] }
    subnets: [
      {
        name: 'backup'
        properties: {
          addressPrefix: backupRange
          networkSecurityGroup: { id: guard.id }
          delegations: [{ name: 'flex', properties: { serviceName: 'Microsoft.App/environments' } }]
        }
      }
      {
        name: 'restore'
        properties: {
          addressPrefix: restoreRange
          networkSecurityGroup: { id: guard.id }
          delegations: [{ name: 'flex', properties: { serviceName: 'Microsoft.App/environments' } }]
        }
      }
      {
        name: 'care'
        properties: {
          addressPrefix: careRange
          networkSecurityGroup: { id: guard.id }
          delegations: [{ name: 'flex', properties: { serviceName: 'Microsoft.App/environments' } }]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: endpointRange
          networkSecurityGroup: { id: guard.id }
          privateEndpointNetworkPolicies: 'Enabled'
        }
      }
    ]
  }
}

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = [for name in zones: {
  name: name
  location: 'global'
  tags: tags
}]

resource link 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [for (name, i) in zones: {
  parent: zone[i]
  name: 'link-${token}'
  location: 'global'
  properties: { registrationEnabled: false, virtualNetwork: { id: network.id } }
}]

resource endpoint 'Microsoft.Network/privateEndpoints@2025-09-01' = [for item in endpoints: {
  name: 'pe-${token}-${item.name}'
  location: location
  tags: tags
  properties: {
    subnet: { id: '${network.id}/subnets/endpoints' }
    privateLinkServiceConnections: [{ name: item.name, properties: { privateLinkServiceId: item.id, groupIds: [item.group] } }]
  }
}]

resource names 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-09-01' = [for (item, i) in endpoints: {
  parent: endpoint[i]
  name: 'default'
  properties: { privateDnsZoneConfigs: [{ name: item.group, properties: { privateDnsZoneId: zone[zoneOf[item.group]].id } }] }
}]

output backupSubnetId string = '${network.id}/subnets/backup'
output careSubnetId string = '${network.id}/subnets/care'
output restoreSubnetId string = '${network.id}/subnets/restore'
