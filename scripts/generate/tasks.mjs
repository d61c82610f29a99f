// Writes what follows from the tasks' declarations: the interfaces of their options (src/tasks/optionTypes.ts), the tables of docs/options.md and
// the list of their commands (src/cli/commands.ts). With `--check`, it fails if that would change anything.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { root, tool } from '../run.mjs'

const tasks = join(root, 'src', 'tasks')
const widest = 120
const folders = readdirSync(tasks).filter((name) => existsSync(join(tasks, name, 'options.ts')))

/** Writes a file, or with `--check` says that it would change. */
function write(name, text) {
  const path = join(root, name)
  const before = existsSync(path) ? readFileSync(path, 'utf8') : undefined
  const after = name.endsWith('.ts') ? formatted(path, text) : text
  if (after === before) return
  if (process.argv.includes('--check')) {
    console.error(`${name} is not what the tasks declare; npm run generate:tasks writes it`)
    process.exitCode = 1
  } else writeFileSync(path, after)
}

function formatted(path, input) {
  const { status, stdout, stderr } = spawnSync(tool('biome'), ['check', '--write', `--stdin-file-path=${path}`], {
    ...{ input, encoding: 'utf8' },
    shell: process.platform === 'win32',
  })
  if (status !== 0) throw new Error(stderr)
  return stdout
}

/** The tables of all options and the words for them, without the engine, which they do not need. */
async function load() {
  const entry = [
    ...folders.map((name) => `export * as ${name} from './${name}/options.js'`),
    "export * as shared from './shared/training.js'",
    "export * as commands from '../cli/commands.js'",
    "export * as words from './shared/option.js'",
  ]
  const noEngine = {
    name: 'no-engine',
    setup({ onLoad }) {
      onLoad({ filter: /src[\\/]native[\\/]index\.ts$/ }, () => ({
        contents: 'export const native = new Proxy({}, { get: () => class {} })',
      }))
    },
  }
  const { outputFiles } = await build({
    stdin: { contents: entry.join('\n'), resolveDir: tasks, loader: 'ts' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    write: false,
    plugins: [noEngine],
  })
  const temporary = mkdtempSync(join(root, 'node_modules', '.generate-'))
  try {
    const file = join(temporary, 'options.mjs')
    writeFileSync(file, outputFiles[0].contents)
    return await import(pathToFileURL(file).href)
  } finally {
    rmSync(temporary, { recursive: true })
  }
}

/** Splits text into lines that are not too wide after an indentation. */
function lines(text, indent) {
  const found = ['']
  for (const word of text.split(' ')) {
    const longer = found.at(-1) === '' ? word : `${found.at(-1)} ${word}`
    if (longer.length + indent > widest) found.push(word)
    else found[found.length - 1] = longer
  }
  return found
}

function comment(text, indent) {
  const space = ' '.repeat(indent)
  const one = `${space}/** ${text} */`
  if (one.length <= widest) return one
  return [`${space}/**`, ...lines(text, indent + 3).map((line) => `${space} * ${line}`), `${space} */`].join('\n')
}

write('src/cli/commands.ts', commandList())
const { words, commands, ...modules } = await load()
/** The tables that commands take flags from. */
const flagged = new Set(Object.values(commands).flatMap(({ train, use }) => [...(train?.options ?? []), use?.options]))
const isTable = (value) => value instanceof words.OptionTable
const tablesOf = (module) => Object.values(module).filter(isTable)
const code = (text) => `\`${text}\``

function optionTypes() {
  const imports = new Map([['LabelledText', './classifier/rows.js']])
  const interfaces = Object.values(modules)
    .flatMap(tablesOf)
    .map(({ name, sentence, all }) => {
      const members = Object.entries(all).map(([option, declared]) => {
        const { type, from } = declared.values
        if (from) imports.set(...from)
        return `${comment(words.described(declared), 2)}\n  readonly ${option}?: ${type}`
      })
      return `${comment(sentence, 0)}\nexport interface ${name} {\n${members.join('\n')}\n}\n`
    })
  const imported = [...imports].map(([name, file]) => `import type { ${name} } from '${file}'`)
  return `// Written by scripts/generate/tasks.mjs from the tables of options.\n${imported.join('\n')}\n\n${interfaces.join('\n')}`
}

/** The flag that gives an option. */
const flagOf = (name, option) => {
  const flag = words.flagOf(name, option)
  return flag ? [flag.flags, flag.opposite].filter(Boolean).map(code).join(', ') : ''
}

function page() {
  const rows = (table) =>
    Object.entries(table.all).map(([name, option]) => {
      const { values, sentence, initial, otherwise } = option
      const normal = otherwise ?? (initial === undefined ? '' : code(words.defaultOf(option)))
      return [code(name), values.expected, normal, flagged.has(table) ? flagOf(name, option) : '', sentence]
        .map((cell) => cell.replaceAll('|', '\\|'))
        .join(' | ')
    })
  const tables = Object.values(modules)
    .flatMap(tablesOf)
    .map((table) => {
      const head = ['Option', 'Takes', 'Default', 'Flag', 'Meaning']
      return [
        `## ${table.name.replace(/<.*/, '')}\n\n${table.sentence}\n`,
        `| ${head.join(' | ')} |`,
        `|${' --- |'.repeat(head.length)}`,
        ...rows(table).map((row) => `| ${row} |`),
      ].join('\n')
    })
  return `# Options of the tasks

The options of each task, and the command-line flags of those that have one. \`scripts/generate/tasks.mjs\` writes this page from the tables that check the options.

${tables.join('\n\n')}
`
}

function commandList() {
  const registry = readFileSync(join(tasks, 'registry.ts'), 'utf8')
  const names = Array.from(registry.matchAll(/from '\.\/(\w+)\/index\.js'/g), ([, name]) => name)
  const exported = names.map((name) => `export { command as ${name} } from '../tasks/${name}/command.js'`)
  return `// Written by scripts/generate/tasks.mjs from src/tasks/registry.ts.\n${exported.join('\n')}\n`
}

write('src/tasks/optionTypes.ts', optionTypes())
write('docs/options.md', page())
