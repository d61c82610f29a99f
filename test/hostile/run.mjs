// Alters files of every format by seed, and reads and uses them in other processes:
//   node test/hostile/run.mjs [--readers pytorch,onnx] [--cases 200000] [--first 0] [--seed 1] [--seconds 10] [--megabytes 1024] [--jobs 2]
// The corpus is made of the fixtures and by our own writers. Reports crashes, hangs, errors without a code, too much memory, models that were changed half
// way and anything executed, each with the number that repeats it: `--readers NAME --seed S --case N`; with `--keep FOLDER` the altered files are kept there.
import { fork } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    readers: { type: 'string' },
    cases: { type: 'string', default: '1000' },
    first: { type: 'string', default: '0' },
    case: { type: 'string' },
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '10' },
    megabytes: { type: 'string', default: '1024' },
    jobs: { type: 'string', default: `${availableParallelism()}` },
    keep: { type: 'string' },
  },
})
const all = [
  ...[
    'safetensors',
    'pytorch',
    'pytorchOld',
    'keras',
    'h5',
    'h5Weights',
    'kerasVocabulary',
    'tfjs',
    'onnx',
    'onnxBytes',
  ],
  ...['vectorsText', 'vectorsBinary', 'tokenizers', 'folders'],
]
const names = values.readers === undefined ? all : values.readers.split(',')
const first = Number(values.case ?? values.first)
const end = first + (values.case === undefined ? Number(values.cases) : 1)
const { seed } = values
const [seconds, megabytes, jobs] = [Number(values.seconds), Number(values.megabytes), Number(values.jobs)]
/** A process is used for so many cases, then a new one. */
const mostCases = 5000
/** How long a corpus may take, and a case that needs no processor. */
const mostSeconds = 300
/** Linux counts processor time in these parts of a second, on all processors. */
const ticks = 100
// In memory where the system has such a folder: files are written and removed for many cases.
const memory = '/dev/shm'
const root = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), 'seqloom-hostile-'))
process.on('exit', () => rmSync(root, { recursive: true, force: true }))

/** Where a process is: its case, how many ended how, and the slowest one. */
function placeIn(file) {
  const bytes = readFileSync(file)
  const [index, coded, works, slowest, slowestCase] = [0, 1, 2, 4, 5].map((at) => bytes.readDoubleLE(8 * at))
  return { index, coded, works, slowest, slowestCase }
}

const child = fileURLToPath(new URL('child.mjs', import.meta.url))

/**
 * Runs a process until it has done what it is asked for, dies, hangs or takes too much. It says in the file `place` where
 * it is; `onFault` is told what it finds.
 */
function ask(message, { place, limit = mostSeconds, onFault = () => {} } = {}) {
  return new Promise((done) => {
    const running = fork(child, {
      execArgv: ['--max-old-space-size=512', '--disallow-code-generation-from-strings'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    let stderr = ''
    let [since, spent, seen, peak] = [Date.now(), 0, -1, 0]
    const stop = (answer) => {
      clearInterval(watch)
      running.removeAllListeners()
      if (running.connected) running.disconnect()
      running.kill('SIGKILL')
      done({ peak, ...answer })
    }
    const watch = setInterval(() => {
      const index = place === undefined ? -1 : placeIn(place).index
      const [waited, worked] = [(Date.now() - since) / 1000, secondsOf(running.pid)]
      peak = Math.max(peak, peakOf(running.pid))
      const most = index < 0 ? mostSeconds : limit
      // A machine that is busy with something else is slow by itself; a process that does nothing waits for ever.
      const hangs = worked === undefined ? waited > most : worked - spent > most || waited > mostSeconds
      if (peak > megabytes) stop({ outcome: 'memory', message: `${peak} MB` })
      else if (index !== seen) [seen, since, spent] = [index, Date.now(), worked]
      else if (hangs) stop({ outcome: 'hang', message: `no answer in ${limit} s` })
    }, 50)
    running.stderr.on('data', (text) => {
      stderr = (stderr + text).slice(-4000)
    })
    running.on('message', (answer) => {
      if (answer.fault) onFault(answer.fault)
      else if (answer.failed) stop({ outcome: 'failed', message: answer.failed })
      else if (answer.done) stop(stderr === '' ? { outcome: 'done', ...answer } : { outcome: 'noise', message: stderr })
    })
    running.on('exit', (code, signal) =>
      stop({ outcome: 'crash', message: `exit code ${code}, signal ${signal}\n${stderr}` }),
    )
    running.send(message)
  })
}

/** The most megabytes that a process had in memory; 0 where the system does not say. */
function peakOf(pid) {
  try {
    return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024)
  } catch {
    return 0
  }
}

/** The seconds of processor time that a process has used; undefined where the system does not say. */
function secondsOf(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
    return (Number(fields[11]) + Number(fields[12])) / ticks
  } catch {
    return undefined
  }
}

const print = (text) => process.stdout.write(`${text}\n`)

/** Reads altered files by one reader. Gives the number of faults. */
async function tryReader(name) {
  const corpus = join(root, `${name}-corpus`)
  const counts = { coded: 0, works: 0 }
  let [faults, peak, slowest, slowestCase, next, done] = [0, 0, 0, 0, first, 0]
  const began = Date.now()
  const told = (index, { outcome, message, entry, what }) => {
    faults += 1
    counts[outcome] = (counts[outcome] ?? 0) + 1
    print(`${name} ${index} (${entry}): ${outcome}, ${message}\n  ${String(what).slice(0, 500)}`)
  }
  const common = { name, corpus, seed }

  /** Tries the cases from one on in a process; gives the case to go on with. */
  const attempt = async (from, until) => {
    const folder = mkdtempSync(join(root, 'altered-'))
    const place = join(folder, 'place')
    const tried = (begin, end, onFault) => {
      writeFileSync(place, new Uint8Array(Float64Array.of(-1, 0, 0, 0, 0, 0).buffer))
      const cases = { ...common, first: begin, end, folder, place, megabytes }
      return ask({ cases }, { place, limit: seconds, onFault })
    }
    const ended = await tried(from, until, (fault) => told(fault.index, fault))
    const reached = placeIn(place)
    counts.coded += reached.coded
    counts.works += reached.works
    peak = Math.max(peak, ended.peak)
    if (reached.slowest > slowest) [slowest, slowestCase] = [reached.slowest, reached.slowestCase]
    let after = ended.last + 1
    if (ended.outcome !== 'done') {
      if (ended.outcome === 'failed' || reached.index < from)
        throw new Error(`${name}: ${ended.outcome}, ${ended.message}`)
      after = ended.outcome === 'noise' ? until : reached.index + 1
      // A machine that is busy with something else is slow by itself.
      if (ended.outcome === 'hang' && (await tried(reached.index, after)).outcome === 'done') counts.works += 1
      else told(reached.index, { ...(await ask({ describe: { ...common, index: reached.index } })), ...ended })
    }
    rmSync(folder, { recursive: true, force: true })
    return after
  }

  /** Tries parts of the cases, one after the other, until none is left. */
  const work = async () => {
    while (next < end) {
      const until = Math.min(end, next + mostCases)
      let at = next
      next = until
      while (at < until) {
        const after = await attempt(at, until)
        done += after - at
        at = after
      }
      const rate = Math.round((1000 * done) / (Date.now() - began))
      if (done < end - first) process.stderr.write(`${name}: ${done} of ${end - first}, ${rate} a second\n`)
    }
  }
  await ask({ make: common })
  await Promise.all(Array.from({ length: Math.min(jobs, Math.ceil((end - first) / mostCases)) }, work))
  if (values.case !== undefined) {
    const keep = values.keep && resolve(values.keep)
    const { entry, what } = await ask({ describe: { name, corpus, seed, index: first, keep } })
    print(`${name} ${first} (${entry}): ${what}`)
  }
  const spent = (Date.now() - began) / 1000
  const rate = Math.round((end - first) / spent)
  print(
    `${name}: ${end - first} cases of seed ${seed}: ${JSON.stringify(counts)}; ${rate} a second, slowest ${Math.round(slowest)} ms (case ${slowestCase}), peak ${peak} MB`,
  )
  return faults
}

let faults = 0
for (const name of names) faults += await tryReader(name)
process.exitCode = faults > 0 ? 1 : 0
