const { createInterface } = require('node:readline')

/** Answers the commands of `lib/engine.mjs` in order; `prepare(case)` and `run(repeats)` may be asynchronous. */
async function serve({ prepare, run }) {
  for await (const line of createInterface({ input: process.stdin })) {
    let answer
    try {
      const command = JSON.parse(line)
      answer = command.op === 'prepare' ? await prepare(command.case) : { ms: await run(command.repeats) }
    } catch (error) {
      answer = { error: error.message }
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`)
  }
}

/** Deterministic values in (−0.5, 0.5). */
function values(length, phase) {
  return Float32Array.from({ length }, (_, i) => Math.sin(1.7 * i + phase) / 2)
}

module.exports = { serve, values }
