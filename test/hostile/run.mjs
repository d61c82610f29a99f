// Alters saved models by seed, makes their checksums right again, and loads and uses them in other processes:
//   node test/hostile/run.mjs --alterations 100000 --seed 1 [--first 0] [--kinds dense,lstm] [--seconds 10] [--megabytes 1024]
// Reports crashes, hangs, errors without a code and too much memory, each with the number that repeats it: `--first N --alterations 1`.
import { fork } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { alter, randomFrom } from './alter.mjs'

const { values } = parseArgs({
  options: {
    alterations: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
    kinds: { type: 'string', default: '' },
    seconds: { type: 'string', default: '10' },
    megabytes: { type: 'string', default: '1024' },
  },
})
const [alterations, first, seconds, megabytes] = ['alterations', 'first', 'seconds', 'megabytes'].map((name) =>
  Number(values[name]),
)
const all = [
  ...['dense', 'lstm', 'bidirectional', 'tracedCell', 'attention', 'severalOutputs', 'backup', 'tfjs'],
  ...['classifier', 'tagger', 'answerer', 'translator', 'generator', 'captioner', 'forecaster'],
]
const kinds = values.kinds === '' ? all : values.kinds.split(',')
/** A process is used for so many models, then a new one. */
const mostUses = 500
const root = mkdtempSync(join(tmpdir(), 'seqloom-hostile-'))
process.on('exit', () => rmSync(root, { recursive: true, force: true }))

/** A process that loads models; `ask` gives its answer, or how it ended. */
class Child {
  uses = 0
  #process = fork(fileURLToPath(new URL('child.mjs', import.meta.url)), {
    execArgv: ['--max-old-space-size=512'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  #stderr = ''
  #settle = () => {}

  /** A process that waits for models. */
  static async started() {
    const child = new Child()
    await child.#answer(60)
    return child
  }

  constructor() {
    this.#process.stderr.on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(-4000)
    })
    this.#process.on('message', (message) => this.#settle(message))
    this.#process.on('exit', (code, signal) => {
      this.#settle({ outcome: 'crash', message: `exit code ${code}, signal ${signal}\n${this.#stderr}` })
    })
  }

  async ask(message, limit) {
    const answer = this.#answer(limit)
    this.#process.send(message)
    this.uses += 1
    const given = await answer
    if (given.outcome !== 'crash' && this.#stderr !== '') {
      const message = `wrote to stderr: ${this.#stderr}`
      this.#stderr = ''
      return { ...given, outcome: 'noise', message }
    }
    return given
  }

  #answer(limit) {
    return new Promise((resolve) => {
      const watch = setInterval(() => {
        const rss = memoryOf(this.#process.pid)
        if (rss > megabytes * 2 ** 20) end({ outcome: 'memory', message: `${Math.round(rss / 2 ** 20)} MB` })
      }, 50)
      const end = (answer) => {
        clearInterval(watch)
        clearTimeout(timer)
        this.#settle = () => {}
        if (['memory', 'hang'].includes(answer.outcome)) this.kill()
        resolve(answer)
      }
      const timer = setTimeout(() => end({ outcome: 'hang', message: `no answer in ${limit} s` }), 1000 * limit)
      this.#settle = (answer) => {
        const tooMuch = answer.rss > megabytes * 2 ** 20
        end(tooMuch ? { outcome: 'memory', message: `${Math.round(answer.rss / 2 ** 20)} MB` } : answer)
      }
    })
  }

  kill() {
    this.#process.kill('SIGKILL')
  }
}

/** Resident bytes of a process; 0 where the system does not say. */
function memoryOf(pid) {
  try {
    return 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}

const read = (folder) => new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]))

/** The alteration of a number, in files; it is made while the one before is tried. */
function altered(index) {
  const random = randomFrom(values.seed, index)
  const kind = kinds[index % kinds.length]
  const { files, what } = alter(random, originals.get(kind))
  const folder = join(root, `altered-${index}`)
  mkdirSync(folder)
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes)
  return { kind, what, folder }
}

let child = await Child.started()
const made = await child.ask({ make: { root, names: kinds } }, 300)
if (made.outcome !== 'made') throw new Error(`the originals could not be made: ${made.outcome} ${made.message}`)
const originals = new Map(kinds.map((kind) => [kind, read(join(root, kind))]))
const counts = {}
const faults = []
let spare = Child.started()
let next = altered(first)
for (let index = first; index < first + alterations; index++) {
  const { kind, what, folder } = next
  const asked = child.ask({ kind, folder }, seconds)
  next = altered(index + 1)
  const answer = await asked
  rmSync(folder, { recursive: true, force: true })
  counts[answer.outcome] = (counts[answer.outcome] ?? 0) + 1
  const fault = !['works', 'coded'].includes(answer.outcome)
  if (fault) {
    faults.push(index)
    process.stdout.write(`${index} ${kind}: ${answer.outcome}, ${answer.message}\n  ${what.slice(0, 500)}\n`)
  }
  if (['crash', 'hang', 'memory'].includes(answer.outcome) || child.uses >= mostUses) {
    child.kill()
    child = await spare
    spare = Child.started()
  }
  if ((index + 1 - first) % 1000 === 0) process.stdout.write(`${index + 1 - first}: ${JSON.stringify(counts)}\n`)
}
child.kill()
;(await spare).kill()
process.stdout.write(`${alterations} alterations: ${JSON.stringify(counts)}\n`)
process.exitCode = faults.length > 0 ? 1 : 0
