import { performance } from 'node:perf_hooks'
import { createInterface } from 'node:readline'

/**
 * Answers the commands of `lib/engine.mjs` in order. `tasks` has for each task of a case a function that builds the case and
 * returns its step; both may return promises.
 */
export async function serve(facts, tasks) {
  let step
  const commands = {
    async prepare({ case: benchmarkCase }) {
      const build = tasks[benchmarkCase.task]
      if (build === undefined) throw new Error('not supported')
      step = await build(benchmarkCase)
      return facts
    },
    async run({ repeats }) {
      const start = performance.now()
      for (let i = 0; i < repeats; i++) {
        const pending = step()
        if (pending instanceof Promise) await pending
      }
      return { ms: (performance.now() - start) / repeats }
    },
    usage() {
      const { user, system } = process.cpuUsage()
      return { cpuMs: (user + system) / 1000, maxRssBytes: process.resourceUsage().maxRSS * 1024 }
    },
  }
  for await (const line of createInterface({ input: process.stdin })) {
    let answer
    try {
      const command = JSON.parse(line)
      answer = await commands[command.op](command)
    } catch (error) {
      answer = { error: error.message }
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`)
  }
}

/** Deterministic values in (−0.5, 0.5). */
export function values(length, phase) {
  return Float32Array.from({ length }, (_, i) => Math.sin(1.7 * i + phase) / 2)
}

/** A function that does the training steps of one repetition, `steps` of them, on the batches in turn; a step may be asynchronous. */
export function inTurn({ batches, steps }, train) {
  let next = 0
  return async () => {
    for (let i = 0; i < steps; i++) {
      await train(batches[next])
      next = (next + 1) % batches.length
    }
  }
}
