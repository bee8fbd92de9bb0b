// The state of the tenant on one page.
@description('Azure region.')
param location string
@description('Tags of every resource.')
param tags object
@description('Application Insights component that the product\'s own lines go to.')
param insightsId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'holdfast')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Holdfast'
    category: 'workbook'
    sourceId: insightsId
    serializedData: replace(loadTextContent('../workbook.json'), 'INSIGHTS_ID', insightsId)
  }
}
