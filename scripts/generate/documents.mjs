// Writes docs/commands.md from the commands and their flags, and docs/errors.md from the codes in src/errors.ts. With `--check`, fails where
// that would change anything.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { root } from '../run.mjs'
import { bundled } from './bundled.mjs'
import { writeOrCheck } from './write.mjs'

const write = (name, text) => writeOrCheck(name, text, 'npm run generate:documents')
const cell = (text) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
const code = (text) => `\`${text}\``

/** A command and those below it, each with its words: `seqloom train classify`. */
function* commandsOf(command, before = '') {
  const words = `${before} ${command.name()}`.trim()
  yield [words, command]
  for (const each of command.commands) yield* commandsOf(each, words)
}

function commandSection([words, command]) {
  const given = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '…' : ''}`
    return argument.required ? `<${name}>` : `[${name}]`
  })
  const options = command.options.filter(({ long, hidden }) => long !== '--version' && !hidden)
  const usage = [words, ...given, ...(options.length > 0 ? ['[flags]'] : [])].join(' ')
  const lists = [
    ...command.registeredArguments.map((argument) => [
      code(argument.name()),
      [argument.description, choices(argument)].filter(Boolean).join('; '),
      argument.defaultValue === undefined ? '' : code(argument.defaultValue),
    ]),
    ...options.map((option) => [
      code(option.flags),
      [option.description, option.description.includes('choices') ? '' : choices(option)].filter(Boolean).join('; '),
      option.defaultValue === undefined || option.defaultValue === false ? '' : code(String(option.defaultValue)),
    ]),
  ]
  const rows = lists.map(([name, about, initial]) => `| ${name.replaceAll('|', '\\|')} | ${cell(about)} | ${initial} |`)
  const table = rows.length > 0 ? ['', '| Argument or flag | Meaning | Default |', '| --- | --- | --- |', ...rows] : []
  return [`## ${words}`, '', command.description(), '', '```', usage, '```', ...table].join('\n')
}

const choices = ({ argChoices }) => (argChoices ? `one of ${argChoices.join(', ')}` : '')

async function commands() {
  const { seqloom } = await bundled(join(root, 'src', 'cli'), ["export { commandTree as seqloom } from './program.js'"])
  const found = [...commandsOf(seqloom())].filter(([, { commands }]) => commands.length === 0)
  return `# Commands

Every command of \`seqloom\`, with its flags. \`seqloom COMMAND --help\` says the same. Written by
\`scripts/generate/documents.mjs\` from what the commands read.

All results go to standard output, all messages to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage, 130
interrupted. A failure is one line that begins with a code: see [errors](errors.md). How files are read is said under
[files of the commands](guide.md#files-of-the-commands), what the options of tasks do under [options](options.md).

${found.map(commandSection).join('\n\n')}
`
}

function errors() {
  const path = join(root, 'src', 'errors.ts')
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true)
  const declared = source.statements.filter(ts.isVariableStatement).map(({ declarationList }) => declarationList)
  const { initializer } = declared
    .flatMap(({ declarations }) => declarations)
    .find(({ name }) => name.text === 'errorCodes')
  const sections = initializer.expression.elements.map((element) => {
    const [range] = ts.getLeadingCommentRanges(source.text, element.pos) ?? []
    if (!range) throw new Error(`${element.text} has no comment in src/errors.ts`)
    const lines = source.text.slice(range.pos, range.end).split('\n').slice(1, -1)
    const text = lines.map((line) => line.replace(/^ *\* ?/, '')).join('\n')
    return `## ${element.text}\n\n${text.replaceAll(' - ', ' – ')}`
  })
  return `# Errors

Every error is a \`SeqloomError\` with a stable \`code\`, a message that says what was wrong, where, and what would be right,
and in \`help\` the place on this page. An aborted call rejects with an \`AbortError\` instead, whose code is \`ABORT_ERR\`.

What your own code throws while it does its work reaches you as it is, whatever it passes on its way: a callback, a source of
rows (a generator, an iterable, a stream), and functions such as those of \`map\`, \`filter\` and \`onProgress\`. Values that throw
when they are read, such as getters, and functions that are part of a model or of its options, such as a learning rate, are an
error with a code; what was thrown is its \`cause\`.

Commands print the code and the message in one line. Written by \`scripts/generate/documents.mjs\` from the comments in
\`src/errors.ts\`.

\`\`\`ts
import { layers, SeqloomError, sequential } from 'seqloom'

try {
  sequential([layers.lstm({ units: 8 })])
} catch (error) {
  if (error instanceof SeqloomError) console.log(error.code, error.help)
}
\`\`\`

\`\`\`text
ERR_SHAPE seqloom/docs/errors.md#err_shape
\`\`\`

${sections.join('\n\n')}
`
}

write('docs/commands.md', await commands())
write('docs/errors.md', errors())
