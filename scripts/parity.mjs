// Writes docs/parity.md: what Keras and TensorFlow.js have for recurrent models, each tried by a call of what was built
// (`npm run build`). With `--check`, fails where that would change anything. Ends with the exit code 1 if a row is unknown.
import { readFileSync, writeFileSync } from 'node:fs'
import { memberRows } from './parity/members.mjs'
import { reasonFor } from './parity/reasons.mjs'
import { Absent, keras, rowsOf, tfjs } from './parity/rows.mjs'
import { testFor } from './parity/tests.mjs'

const sq = await import('seqloom')
const tf = await import('seqloom/tfjs')
process.removeAllListeners('warning')
process.on('warning', () => {})

/** What comes of a call: its value, that it works, or why it is refused. */
async function tried(title, item, call, shown) {
  try {
    const value = await call()
    return shown ? { status: String(value) } : { status: 'supported' }
  } catch (error) {
    // An addon that is older than the code knows no new operations: build it first.
    const isOld = /There is no operation/.test(error?.message)
    if (error?.code === 'ERR_UNSUPPORTED' && !isOld) return { status: 'refused', reason: firstSentence(error.message) }
    // A failure that is no refusal is none that a reason explains.
    const isRefusal = error instanceof Absent || /^ERR_(OPTION|DATA|SHAPE|STATE)$/.test(error?.code ?? '')
    const reason = isRefusal ? reasonFor(item, title) : undefined
    if (reason !== undefined) return { status: 'refused', reason }
    const message =
      error instanceof Absent || error?.code
        ? `${error.code ?? 'absent'}: ${error.message}`
        : String(error?.stack ?? error)
    return { status: 'unknown', reason: message.split('\n').slice(0, 2).join(' ') }
  }
}

/** What a message says, without places, numbers of layers and what comes after its first sentence. */
const firstSentence = (message) =>
  message
    .replaceAll(/ at (file:)?\/\S+/g, '')
    .replace(/^[\w ]*(layers?|cells?|optimizers?|losses|callbacks|compile|fit|predict|evaluate)\b[^:]*: /, '')
    .replaceAll(/(\w+?)_[A-Z]\w*?\d+'/g, "$1'")
    .replace(/^tf\.[\w.]+ is not supported by seqloom\/tfjs; /, '')
    .split(/(?<=\w)[.;] /)[0]
    .slice(0, 160)

const made = rowsOf(sq, tf)
memberRows(sq, tf, made)

const cell = (text) => String(text).replaceAll('|', '\\|').replaceAll('\n', ' ')
const unknown = []
const counts = { supported: 0, refused: 0 }
const lines = []
const only = process.env.PARITY_ONLY
for (const { title, rows } of made.sections) {
  if (only && !title.includes(only)) continue
  lines.push(
    '',
    `## ${title}`,
    '',
    '| What | Who | `seqloom` | `seqloom/tfjs` | Test |',
    '| --- | --- | --- | --- | --- |',
  )
  for (const { item, who, main, tfjs: entry, shown } of rows) {
    const cells = []
    for (const [call, where] of [
      [main, 'seqloom'],
      [entry, 'seqloom/tfjs'],
    ]) {
      if (!call) {
        cells.push('')
        continue
      }
      const { status, reason } = await tried(title, item, call, shown)
      if (status === 'unknown') unknown.push(`${title} · ${item} · ${where}: ${reason}`)
      if (status in counts) counts[status]++
      cells.push(reason ? `${status}: ${reason}` : status)
    }
    lines.push(`| ${[item, who, ...cells, testFor(item, who)].map(cell).join(' | ')} |`)
  }
}

const head = [
  '# Parity with Keras and TensorFlow.js',
  '',
  `What Keras ${keras.version} (K) and TensorFlow.js ${tfjs.version} (T) have for recurrent models, and PyTorch's options (P). Each row is a`,
  'call that `node scripts/parity.mjs` made: of `seqloom` for what Keras has, of `seqloom/tfjs` for what TensorFlow.js has. Each',
  'names a test of it; those that no other test makes are made anew by the test of this page.',
  '',
  `${counts.supported} calls are supported, ${counts.refused} are refused with a reason, none is unknown.`,
]
const text = `${[...head, ...lines].join('\n')}\n`
const file = new URL('../docs/parity.md', import.meta.url)
if (unknown.length > 0) {
  console.error(`${unknown.length} rows are unknown:\n${unknown.join('\n')}`)
  process.exitCode = 1
}
if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== text) {
    console.error('docs/parity.md is not what scripts/parity.mjs writes now')
    process.exitCode = 1
  }
} else {
  writeFileSync(file, text)
  console.log(`${counts.supported} supported, ${counts.refused} refused, ${unknown.length} unknown`)
}
process.exit(process.exitCode ?? 0)
