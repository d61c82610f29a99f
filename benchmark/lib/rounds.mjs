import { setTimeout } from 'node:timers/promises'

/** The middle of the values; the mean of the two middle ones where their number is even. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

/** The shortest time a measurement may take, in milliseconds: shorter work is repeated within the round. */
const shortest = 100
/** Milliseconds between turns: threads of the engine before go on spinning for a while after its last step. */
const pause = 150
/** Time spent on warming each engine up, in milliseconds: PyTorch's first steps are slow. */
const warmUp = 1000

/**
 * Runs one case on every engine in turns and returns, for each engine, its answer to `prepare` and its milliseconds in each
 * round. An engine that fails on the case is reported with the error instead.
 */
export async function takeTurns(engines, benchmarkCase, rounds) {
  const results = []
  for (const engine of engines) {
    try {
      const facts = await engine.prepare(benchmarkCase)
      let ms = await engine.run(1)
      for (let spent = ms; spent < warmUp; spent += ms) ms = await engine.run(1)
      results.push({ engine, name: engine.name, facts, repeats: Math.max(1, Math.ceil(shortest / ms)), times: [] })
    } catch (error) {
      results.push({ name: engine.name, error: error.message })
    }
  }
  const running = results.filter((result) => result.error === undefined)
  for (let round = 0; round < rounds; round++) {
    // The order is turned in every round, so that no engine always follows the same neighbour.
    for (let i = 0; i < running.length; i++) {
      const result = running[(i + round) % running.length]
      await setTimeout(pause)
      // Each turn begins cold, in the caches that the engine before left behind; a step that is not measured evens that out.
      await result.engine.run(1)
      result.times.push(await result.engine.run(result.repeats))
    }
  }
  return results
}
