// Reads [{name, scope, text}] from standard input and analyses each query with Microsoft's own KQL language service (the
// one behind the portal's editor), against the tables that its scope has. Writes [{name, type, problems}].
//   node analyze.js FOLDER-OF-THE-LANGUAGE-SERVICE TABLES.json < queries.json
'use strict'
const fs = require('fs')
const path = require('path')

const [service, tables] = process.argv.slice(2)
require(path.join(service, 'bridge.min.js'))
require(path.join(service, 'Kusto.Language.Bridge.min.js'))
const { GlobalState, KustoCode, Symbols } = globalThis.Kusto.Language

const table = ([name, columns]) =>
  new Symbols.TableSymbol.$ctor7(name, `(${Object.entries(columns).map(([column, type]) => `${column}:${type}`).join(', ')})`, null)
const scopes = Object.fromEntries(
  Object.entries(JSON.parse(fs.readFileSync(tables, 'utf8'))).map(([scope, its]) => [
    scope,
    GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.$ctor1(scope, Object.entries(its).map(table), false)),
  ]),
)

const analyzed = JSON.parse(fs.readFileSync(0, 'utf8')).map(({ name, scope, text }) => {
  const code = KustoCode.ParseAndAnalyze(text, scopes[scope])
  const found = code.GetDiagnostics()
  const problems = []
  for (let i = 0; i < found.Count; i++) {
    const { Severity, Code, Message, Start } = found.getItem(i)
    problems.push(`line ${text.slice(0, Start).split('\n').length}: ${Severity} ${Code}: ${Message}`)
  }
  return { name, type: code.ResultType ? Symbols.SchemaDisplay.GetText(code.ResultType) : '', problems }
})
process.stdout.write(JSON.stringify(analyzed))
