// Writes what follows from the tasks' declarations: the interfaces of their options (src/tasks/optionTypes.ts), the tables
// of docs/options.md and the list of their commands (src/cli/commands.ts). With `--check`, fails where that would change
// anything.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, tool } from '../run.mjs'
import { bundled } from './bundled.mjs'
import { writeOrCheck } from './write.mjs'

const tasks = join(root, 'src', 'tasks')
const widest = 120
const folders = readdirSync(tasks).filter((name) => existsSync(join(tasks, name, 'options.ts')))

/** Writes a file, or with `--check` says that it would change. */
const write = (name, text) =>
  writeOrCheck(name, name.endsWith('.ts') ? formatted(join(root, name), text) : text, 'npm run generate:tasks')

function formatted(path, input) {
  const { status, stdout, stderr } = spawnSync(tool('biome'), ['check', '--write', `--stdin-file-path=${path}`], {
    ...{ input, encoding: 'utf8' },
    shell: process.platform === 'win32',
  })
  if (status !== 0) throw new Error(stderr)
  return stdout
}

/** The tables of all options and the words for them. */
const load = () =>
  bundled(tasks, [
    ...folders.map((name) => `export * as ${name} from './${name}/options.js'`),
    "export * as shared from './shared/training.js'",
    "export * as commands from '../cli/commands.js'",
    "export * as words from './shared/option.js'",
  ])

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
  const imports = new Map([
    ['LabelledText', './classifier/rows.js'],
    ['TaggedTokens', './tagger/index.js'],
    ['TranslationRow', './translator/rows.js'],
  ])
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

The options of each task, with their flags on the command line where there are some. Written by
\`scripts/generate/tasks.mjs\` from the tables that check them.

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
