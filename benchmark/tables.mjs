// Tables of results as Markdown, from the files that the programs write with --json and --ratios:
//   node tables.mjs FILE…                   prints the table of each file
//   node tables.mjs --into DOCUMENT FILE…   puts them into the document, each between its marks
//                                           <!-- table NAME --> and <!-- end -->, NAME being the file's name without .json
import { readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileOf, refuse } from './lib/options.mjs'
import { peakCells, ratioCells } from './lib/report.mjs'
import { readLines } from './lib/results.mjs'
import { markdownTable } from './lib/table.mjs'

/** The table of a file: of ratios, of one measurement, or of rows. */
function tableOf(file) {
  const lines = readLines(file)
  if (lines[0]?.lines !== undefined) return markdownTable(lines[0].lines)
  return markdownTable(lines[0]?.ratio === undefined ? peakCells(lines) : ratioCells(lines))
}

const into = process.argv[2] === '--into'
const [document, ...files] = into ? process.argv.slice(3) : [undefined, ...process.argv.slice(2)]
if (files.length === 0) refuse('usage: node tables.mjs [--into DOCUMENT] FILE…')
const tables = files.map((file) => ({ name: basename(file, '.json'), table: tableOf(fileOf(file)) }))
if (into) {
  let text = readFileSync(fileOf(document), 'utf8')
  for (const { name, table } of tables) {
    const [start, end] = [`<!-- table ${name} -->\n`, '<!-- end -->']
    const from = text.indexOf(start)
    const to = text.indexOf(end, from)
    if (from < 0 || to < 0) {
      console.error(`${document} has no place for the table ${name}`)
      continue
    }
    text = `${text.slice(0, from)}${start}\n${table}\n\n${text.slice(to)}`
  }
  writeFileSync(fileOf(document), text)
} else {
  for (const { name, table } of tables) console.log(`## ${name}\n\n${table}\n`)
}
