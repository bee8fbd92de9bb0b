// Tells when the month's cost nears what was planned. It stops nothing.
@description('Makes names unique.')
param token string
@description('Planned cost of a month, in the currency of the bill.')
param amount int
@description('First day of the first month. A budget\'s start stays what it was when it was made.')
param startDate string
@description('Who is told.')
param actionGroupId string
@description('Addresses that are mailed.')
param alertEmails array

resource budget 'Microsoft.Consumption/budgets@2026-06-01' = {
  name: 'budget-${token}'
  properties: {
    category: 'Cost'
    amount: amount
    timeGrain: 'Monthly'
    timePeriod: { startDate: startDate }
    notifications: {
      forecast: { enabled: true, operator: 'GreaterThan', threshold: 100, thresholdType: 'Forecasted', contactEmails: alertEmails, contactGroups: [actionGroupId] }
      most: { enabled: true, operator: 'GreaterThan', threshold: 80, thresholdType: 'Actual', contactEmails: alertEmails, contactGroups: [actionGroupId] }
      over: { enabled: true, operator: 'GreaterThan', threshold: 100, thresholdType: 'Actual', contactEmails: alertEmails, contactGroups: [actionGroupId] }
    }
  }
}
