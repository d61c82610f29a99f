import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { processOf } from './engines.mjs'

/** A step that took longer than it was given; the engine's process was ended. */
export class TooSlow extends Error {}

/**
 * An engine in a process of its own. Each command and each answer is one line of JSON: `{ op: 'prepare', case }` is answered
 * by `{ engine, version, threads }`, `{ op: 'run', repeats }` by `{ ms }` (the time of one repetition), `{ op: 'usage' }` by
 * `{ cpuMs, maxRssBytes }` of the process so far, and a failure by `{ error }`. The process starts with the first command
 * after the constructor, an end or a failure, and ends with its input.
 */
export class Engine {
  #child
  #answers
  #stderr = ''

  constructor(name, threads) {
    this.name = name
    this.threads = threads
  }

  /** The name with the number of threads: `pytorch@2`. */
  get label() {
    return `${this.name}@${this.threads}`
  }

  /** The number of its process, once a command has started it. */
  get pid() {
    return this.#child?.pid
  }

  #start() {
    const { command, args, env } = processOf(this.name, this.threads)
    this.#stderr = ''
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env })
    this.#child.on('error', (error) => {
      this.#stderr += error.message
    })
    this.#child.stdin.on('error', () => {})
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(-4000)
    })
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  async #ask(command) {
    if (this.#child === undefined) this.#start()
    this.#child.stdin.write(`${JSON.stringify(command)}\n`)
    const { value, done } = await this.#answers.next()
    if (done) {
      this.#child = undefined
      throw new Error(`ended: ${this.#stderr.trim()}`)
    }
    const answer = JSON.parse(value)
    if (answer.error !== undefined) {
      // What failed may be broken for good, such as a WebAssembly module that ran out of memory.
      await this.#end('SIGKILL')
      throw new Error(answer.error)
    }
    return answer
  }

  /** Builds the case's layer or model in the engine. */
  prepare(benchmarkCase) {
    return this.#ask({ op: 'prepare', case: benchmarkCase })
  }

  /** Milliseconds of one repetition out of `repeats` in a row; `TooSlow` after `limit` milliseconds, if there is one. */
  async run(repeats, limit) {
    const answer = this.#ask({ op: 'run', repeats })
    if (limit === undefined) return (await answer).ms
    const cancel = new AbortController()
    const late = setTimeout(limit, 'late', { signal: cancel.signal }).catch(() => undefined)
    try {
      const first = await Promise.race([answer, late])
      if (first !== 'late') return first.ms
      answer.catch(() => undefined)
      await this.#end('SIGKILL')
      throw new TooSlow(`took more than ${limit / 1000} s`)
    } finally {
      cancel.abort()
    }
  }

  /** Processor time and peak resident memory of the process so far. */
  usage() {
    return this.#ask({ op: 'usage' })
  }

  close() {
    this.#child?.stdin.end()
    return this.#end()
  }

  #end(signal) {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
    if (signal !== undefined) child.kill(signal)
    return new Promise((resolve) => child.once('close', resolve))
  }
}
