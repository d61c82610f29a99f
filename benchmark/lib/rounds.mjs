import { setTimeout } from 'node:timers/promises'
import { TooSlow } from './engine.mjs'

/** The shortest time a measurement may take, in milliseconds: shorter work is repeated within the round. */
const shortest = 100
/** Milliseconds between turns: OpenMP's threads go on spinning for some 5 ms after a step. */
const pause = 30
/** Time spent on warming each engine up, in milliseconds: PyTorch's first steps are slow. */
const warmUp = 500
/** An engine this many times slower than the fastest is far behind: its ratio needs no 20 rounds. */
const farBehind = 5

/**
 * Runs cases on engines in turns; `participants` are `{ engine, case }`. Returns for each participant
 * `{ engine, facts, times }`: what the engine answered to `prepare` and its milliseconds in each round; an engine that fails
 * has `error` instead, one whose step takes more than `limit` milliseconds has `limit` and no times.
 *
 * Every engine takes part in all rounds, except that one that is far behind stops when it has used `budget` milliseconds.
 */
export async function takeTurns(participants, { rounds, budget, limit }) {
  const results = []
  for (const { engine, case: benchmarkCase } of participants) {
    results.push({ engine, times: [], ...(await warm(engine, benchmarkCase, limit)) })
  }
  const running = results.filter(({ ms }) => ms !== undefined)
  const fastest = Math.min(...running.map(({ ms }) => ms))
  for (const result of running) {
    result.repeats = Math.max(1, Math.ceil(shortest / result.ms))
    const affordable = Math.max(1, Math.floor(budget / (result.ms * result.repeats)))
    result.rounds = result.ms > farBehind * fastest ? Math.min(rounds, affordable) : rounds
  }
  for (let round = 0; round < rounds; round++) {
    // The order is turned in every round, so that no engine always follows the same neighbour.
    for (let i = 0; i < running.length; i++) {
      const result = running[(i + round) % running.length]
      if (round < result.rounds) await takeTurn(result)
    }
  }
  return results
}

async function warm(engine, benchmarkCase, limit) {
  let facts
  try {
    facts = await engine.prepare(benchmarkCase)
    let ms = await engine.run(1, limit)
    for (let spent = ms; spent < warmUp; spent += ms) ms = await engine.run(1)
    return { facts, ms }
  } catch (error) {
    return error instanceof TooSlow ? { facts, limit } : { error: error.message }
  }
}

async function takeTurn(result) {
  await setTimeout(pause)
  // Each turn begins cold, in the caches that the engine before left behind; for short steps one that is not measured evens that out.
  if (result.repeats > 1) await result.engine.run(1)
  result.times.push(await result.engine.run(result.repeats))
}
