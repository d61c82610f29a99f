// Reads altered files, one after the other. Where it is stands in a file, so that it is known when it does not come back.
import childProcess from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import vm from 'node:vm'
import { AbortError, SeqloomError } from 'seqloom'
import { randomFrom } from './alter/random.mjs'
import { readers } from './readers/index.mjs'

// Nothing in a file is executed. Node itself refuses `eval` in this process.
let executed
for (const [module, names] of [
  [childProcess, ['spawn', 'spawnSync', 'exec', 'execSync', 'execFile', 'execFileSync', 'fork']],
  [vm, ['runInThisContext', 'runInNewContext', 'runInContext', 'compileFunction']],
]) {
  for (const name of names) {
    module[name] = () => {
      executed = name
      throw new Error(`${name} was called`)
    }
  }
}
syncBuiltinESMExports()

const inherited = Object.getOwnPropertyNames(Object.prototype).length

/** How a call ended: 'coded' errors are what a user may see; all others are faults. */
function verdictOf(error) {
  if (error instanceof AbortError) return { outcome: 'coded', code: error.code }
  // What the engine itself failed at is a fault as well, though it has a code.
  if (error instanceof SeqloomError && error.code !== 'ERR_NATIVE') return { outcome: 'coded', code: error.code }
  return { outcome: 'uncoded', code: error?.code, message: String(error?.stack ?? error).slice(0, 2000) }
}

// A warning with a code is what a user may see too, unlike anything else on stderr.
process.removeAllListeners('warning')
process.on('warning', (warning) => {
  if (warning.name !== 'SeqloomWarning') process.stderr.write(`${warning.stack}\n`)
})

/** The files of a reader's corpus, in the order of their names; they are made if they are not there. */
async function entriesFor(reader, folder) {
  if (!existsSync(folder)) {
    mkdirSync(folder)
    await reader.make(folder)
  }
  const entries = readdirSync(folder)
    .toSorted()
    .map((name) => {
      const path = join(folder, name)
      const isFolder = statSync(path).isDirectory()
      const names = isFolder ? readdirSync(path).toSorted() : [name]
      const files = new Map(names.map((file) => [file, readFileSync(isFolder ? join(path, file) : path)]))
      return { name, isFolder, files, bytes: files.get(name) }
    })
  await reader.open?.(entries)
  return entries
}

/** Makes an altered file out of a number. */
function altered(reader, entries, seed, name, index) {
  const random = randomFrom(seed, name, index)
  const entry = random.of(entries)
  const [what, given] = reader.alter(random, entry, entries)
  const files = Buffer.isBuffer(given) ? new Map([[entry.name, given]]) : given
  return { entry, what, files, random }
}

/** Numbers that the parent process reads while this one works, in a file. */
class Place {
  #file
  #numbers = new Float64Array(6)
  #bytes = new Uint8Array(this.#numbers.buffer)

  constructor(path) {
    this.#file = openSync(path, 'r+')
  }

  begin(index) {
    this.#numbers[0] = index
    this.#write()
  }

  end(index, outcome, took) {
    this.#numbers[{ coded: 1, works: 2 }[outcome] ?? 3] += 1
    if (took > this.#numbers[4]) this.#numbers.set([took, index], 4)
  }

  /** Once more, with the last case. */
  close() {
    this.#write()
  }

  #write() {
    writeSync(this.#file, this.#bytes, 0, this.#bytes.length, 0)
  }
}

/** Gives the last case that was tried. */
async function run({ name, corpus, seed, first, end, folder, place: placeFile, megabytes }) {
  const reader = readers[name]
  const entries = await entriesFor(reader, corpus)
  const progress = new Place(placeFile)
  for (let index = first; index < end; index++) {
    progress.begin(index)
    const { entry, what, files, random } = altered(reader, entries, seed, name, index)
    let placed
    const place = () => {
      placed = join(folder, `${index}`)
      if (entry.isFolder) {
        mkdirSync(placed)
        for (const [file, bytes] of files) writeFileSync(join(placed, file), bytes)
      } else writeFileSync(placed, files.get(entry.name))
      return placed
    }
    let verdicts
    const began = performance.now()
    try {
      const given = { name: entry.name, bytes: files.get(entry.name), files, place, random }
      verdicts = ((await reader.use(given)) ?? []).map(verdictOf)
    } catch (error) {
      verdicts = [verdictOf(error)]
    }
    const took = performance.now() - began
    if (placed) rmSync(placed, { recursive: true, force: true })
    if (executed !== undefined) verdicts.push({ outcome: 'executed', message: `${executed} was called` })
    if (Object.getOwnPropertyNames(Object.prototype).length !== inherited) {
      verdicts.push({ outcome: 'executed', message: 'Object.prototype was changed' })
    }
    executed = undefined
    const peak = process.resourceUsage().maxRSS / 1024
    if (peak > megabytes) verdicts.push({ outcome: 'memory', message: `${Math.round(peak)} MB` })
    const fault = verdicts.find(({ outcome }) => outcome !== 'coded')
    if (fault) process.send({ fault: { ...fault, index, entry: entry.name, what } })
    progress.end(index, (fault ?? verdicts[0] ?? { outcome: 'works' }).outcome, took)
    // What was found once would be found again and again.
    if (fault?.outcome === 'memory') {
      progress.close()
      return index
    }
    // What the collector has to finalize waits for a turn of the event loop.
    if (index % 100 === 99) await new Promise(setImmediate)
  }
  progress.close()
  return end - 1
}

process.on('message', async ({ make, cases, describe }) => {
  try {
    if (make) {
      await entriesFor(readers[make.name], make.corpus)
      process.send({ done: true })
    } else if (describe) {
      const { name, corpus, seed, index, keep } = describe
      const reader = readers[name]
      const entries = await entriesFor(reader, corpus)
      const { entry, what, files } = altered(reader, entries, seed, name, index)
      if (keep) {
        mkdirSync(keep, { recursive: true })
        for (const [file, bytes] of files) writeFileSync(join(keep, file), bytes)
      }
      process.send({ done: true, entry: entry.name, what })
    } else {
      const last = await run(cases)
      process.send({ done: true, last })
    }
  } catch (error) {
    process.send({ failed: String(error?.stack ?? error) })
  }
})
