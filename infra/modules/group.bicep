targetScope = 'subscription'

@description('Name of the resource group.')
param name string
@description('Azure region.')
param location string
@description('Tags of every resource.')
param tags object

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: name
  location: location
  tags: tags
}

output name string = group.name
