import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const peers = process.env.PEERS_DIR ?? join(homedir(), '.cache', 'peers')
const engineFile = (name) => fileURLToPath(new URL(`../engines/${name}`, import.meta.url))
const python = join(peers, 'venv', 'bin', 'python')
const tfjsNode = join(peers, 'node', 'node_modules', '@tensorflow', 'tfjs-node')

/** How each engine is started, and the path without which it is not installed. */
const engines = {
  seqloom: { command: process.execPath, file: engineFile('seqloom.mjs'), needs: engineFile('../../dist/index.js') },
  pytorch: { command: python, file: engineFile('pytorch.py'), needs: python },
  'tfjs-node': { command: process.execPath, file: engineFile('tfjs-node.cjs'), needs: tfjsNode },
}

/** The names of all engines. */
export const engineNames = Object.keys(engines)

/**
 * An engine in a process of its own. Each command and each answer is one line of JSON: `{ op: 'prepare', case }` is answered
 * by `{ engine, version, threads }`, `{ op: 'run', repeats }` by `{ ms }` (the time of one repetition), and a failure of
 * either by `{ error }`. The process ends with its input.
 */
export class Engine {
  #child
  #answers
  #stderr = ''

  constructor(name, threads) {
    const engine = engines[name]
    this.name = name
    this.#child = spawn(engine.command, [engine.file, String(threads), peers], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, SEQLOOM_THREADS: String(threads), TF_CPP_MIN_LOG_LEVEL: '3' },
    })
    this.#child.on('error', (error) => {
      this.#stderr += error.message
    })
    this.#child.stdin.on('error', () => {})
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(-4000)
    })
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  /** Why the engine cannot be started on this machine, or undefined. */
  static missing(name) {
    const engine = engines[name]
    if (engine === undefined) return `there is no engine named ${name}; there are ${engineNames.join(', ')}`
    return existsSync(engine.needs) ? undefined : `${name} is not installed (${engine.needs} is missing)`
  }

  async #ask(command) {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`)
    const { value, done } = await this.#answers.next()
    if (done) throw new Error(`${this.name} ended: ${this.#stderr.trim()}`)
    const answer = JSON.parse(value)
    if (answer.error !== undefined) throw new Error(`${this.name}: ${answer.error}`)
    return answer
  }

  /** Builds the case's layer or model in the engine. */
  prepare(benchmarkCase) {
    return this.#ask({ op: 'prepare', case: benchmarkCase })
  }

  /** Milliseconds of one repetition out of `repeats` in a row. */
  async run(repeats) {
    return (await this.#ask({ op: 'run', repeats })).ms
  }

  close() {
    this.#child.stdin.end()
    return new Promise((resolve) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) resolve()
      else this.#child.once('close', resolve)
    })
  }
}
